"""The pages of admins: people, queues, parked accounts, failed deliveries, the system."""
