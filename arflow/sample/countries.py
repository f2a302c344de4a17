"""The four countries of the sample: currency, language, time zones, and what people and companies are called there.

All e-mail addresses are at `.example` domains, and all telephone numbers are of the ranges kept free for fiction.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Country:
    """One country. `share` is its part of the accounts in percent; `regions` are (name, IANA zone) pairs."""

    code: str
    currency: str
    language: str
    share: int
    terms: tuple[int, ...]
    regions: tuple[tuple[str, str], ...]
    towns: tuple[str, ...]
    trades: tuple[str, ...]
    forms: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    phone: str
    """A telephone number; its `#` stand for digits."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_US = Country(
    code="US",
    currency="USD",
    language="en",
    share=40,
    terms=(30, 30, 30, 45),
    regions=(
        ("northeast", "America/New_York"),
        ("south", "America/New_York"),
        ("midwest", "America/Chicago"),
        ("mountain", "America/Denver"),
        ("west", "America/Los_Angeles"),
    ),
    towns=_words(
        "Harbor Lakeside Prairie Granite Cedar Liberty Summit Riverbend Bayfront Juniper Maple Canyon "
        "Frontier Beacon Orchard Redwood Timber Sunrise Keystone Bluebird"
    ),
    trades=_words(
        "Tools Foods Logistics Printing Supply Dental Fitness Hardware Bakery Motors Furniture Plumbing "
        "Electric Optics Packaging Nursery Marine Roofing Textiles Audio"
    ),
    forms=("LLC", "Inc.", "Corp."),
    first_names=_words("Emily James Maria David Ashley Robert Linda Kevin Grace Tyler"),
    last_names=_words("Miller Johnson Garcia Nguyen Davis Wilson Clark Lopez Young Baker"),
    phone="+1 202 555 01##",
)
_GB = Country(
    code="GB",
    currency="GBP",
    language="en",
    share=20,
    terms=(30, 30, 14, 60),
    regions=(
        ("london", "Europe/London"),
        ("midlands", "Europe/London"),
        ("north", "Europe/London"),
        ("scotland", "Europe/London"),
    ),
    towns=_words(
        "Thornbury Ashdown Kelso Marlow Whitby Ludlow Harrogate Penrith Rye Stirling Bakewell Tavistock "
        "Malvern Hexham Alnwick Dorking Skipton Totnes Oakham Lewes"
    ),
    trades=_words(
        "Joinery Catering Textiles Haulage Interiors Brewing Plumbing Press Optics Farms Ceramics Roofing "
        "Motors Fabrics Lighting Paints Books Bakery Leather Cycles"
    ),
    forms=("Ltd", "Ltd", "LLP", "plc"),
    first_names=_words("Oliver Amelia Harry Priya George Isla Callum Fiona Rhys Zara"),
    last_names=_words("Smith Patel Jones Taylor Campbell Evans Hughes Walker Khan Wright"),
    phone="+44 20 7946 0###",
)
_DE = Country(
    code="DE",
    currency="EUR",
    language="de",
    share=25,
    terms=(14, 30, 30),
    regions=(("nord", "Europe/Berlin"), ("ost", "Europe/Berlin"), ("sued", "Europe/Berlin"), ("west", "Europe/Berlin")),
    towns=_words(
        "Müller Schäfer Nordlicht Rheintal Köhler Isar Weser Lindner Böhm Falken Havel Seidel Jäger Neckar "
        "Harz Vogel Spree Brandt Förster Alpen"
    ),
    trades=_words(
        "Maschinenbau Elektro Möbel Druck Bau Feinkost Technik Optik Spedition Gartenbau Metallbau Papier "
        "Textil Dental Werkzeuge Sanitär Verpackung Lacke Brauerei Akustik"
    ),
    forms=("GmbH", "GmbH", "AG", "KG", "e.K."),
    first_names=_words("Anna Jürgen Sabine Lukas Petra Stefan Heike Jonas Ute Björn"),
    last_names=_words("Schmidt Weber Fischer Groß Becker Schröder Koch Wolf König Krüger"),
    phone="+49 30 23125 ###",
)
_FR = Country(
    code="FR",
    currency="EUR",
    language="fr",
    share=15,
    terms=(30, 30, 45),
    regions=(
        ("ile-de-france", "Europe/Paris"),
        ("nord", "Europe/Paris"),
        ("sud", "Europe/Paris"),
        ("ouest", "Europe/Paris"),
    ),
    towns=_words(
        "Lumière Beaulieu Garonne Fontaine Rivoli Belleville Vauban Mistral Loire Chêne Montclair Provence "
        "Armor Dordogne Saphir Tilleul Cévennes Bretagne Olivier Rocher"
    ),
    trades=_words(
        "Menuiserie Boulangerie Transports Imprimerie Textile Vins Optique Jardins Conseil Plomberie Meubles "
        "Emballage Cuisine Outillage Papeterie Peinture Électricité Serrurerie Céramique Maroquinerie"
    ),
    forms=("SARL", "SAS", "SA"),
    first_names=_words("Camille Hugo Élodie Mathieu Chloé Antoine Inès Julien Manon Rémi"),
    last_names=_words("Martin Lefèvre Dubois Moreau Girard Benoît Rousseau Faure Mercier Noël"),
    phone="+33 1 99 00 ## ##",
)
COUNTRIES = (_US, _GB, _DE, _FR)

_PLAIN: dict[str, str | int | None] = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "é": "e",
    "è": "e",
    "ê": "e",
    "ë": "e",
    "î": "i",
}


def country_at(percentile: int) -> Country:
    """The country of the account that stands at `percentile`."""
    for country in COUNTRIES:
        if percentile < country.share:
            return country
        percentile -= country.share
    raise AssertionError("the shares add up to 100")


def plain(text: str) -> str:
    """`text` as it stands in an e-mail address: small letters, digits and hyphens."""
    small = text.lower().translate(str.maketrans(_PLAIN))
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in small).split()
    return "-".join(words)
