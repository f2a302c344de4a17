"""The pages of admins: people, queues, the delivery switch, parked accounts, failed deliveries, the system."""
