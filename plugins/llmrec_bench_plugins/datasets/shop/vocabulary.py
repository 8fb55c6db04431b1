"""The words of the shop: taste dimensions that the domains share, and each domain's own names for everything.

No word of a title occurs in two domains, apart from `FUNCTION_WORDS`. What is shared is the structure (the same
dimensions, and as many categories and brands) and the plain phrases of descriptions and reviews.
"""

from dataclasses import dataclass

FUNCTION_WORDS = frozenset({"and", "by", "for", "of", "the", "with"})
"""The only words that titles of different domains may share."""

DIMENSIONS = ("price", "mood", "size", "style", "company", "energy")
"""The taste dimensions, the same in every domain. Each has two poles, -1 and +1."""

PHRASES = (
    ("cost little", "feel special"),
    ("raise a smile", "take themselves seriously"),
    ("take up no room", "come in full size"),
    ("keep to tradition", "try something new"),
    ("suit one person", "suit good company"),
    ("calm you down", "wake you up"),
)
"""By dimension and pole: what people say of it in any domain, after `things that`."""


@dataclass(frozen=True)
class Vocabulary:
    """How one domain words what the shop is made of."""

    categories: tuple[tuple[str, str], ...]
    """16 pairs: the category's name, and its goods in the singular as reviews and titles call them."""
    adjectives: tuple[tuple[tuple[str, str], tuple[str, str]], ...]
    """By dimension and pole: two adjectives of the same meaning."""
    brand_heads: tuple[str, ...]
    """Six beginnings of brand names, joined with each of the tails: 24 brands."""
    brand_tails: tuple[str, ...]
    """Four endings of brand names."""
    first_names: tuple[str, ...]
    """40 words that begin the name of a product line."""
    second_names: tuple[str, ...]
    """40 words that end it."""
    sequels: tuple[str, str, str, str]
    """What the title adds for the first, second, third and fourth item of a line; nothing for the first."""
    title: str
    """Format of a title; fields `name` (of the line), `sequel`, `brand`, `goods`, and the adjectives `first`, `second`,
    `third`."""
    base_prices: tuple[int, int]
    """Lowest and highest usual price of a category, in whole currency units."""

    def brands(self) -> list[str]:
        """The 24 brand names."""
        return [head + tail for head in self.brand_heads for tail in self.brand_tails]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """`name=goods, ...` as pairs."""
    return tuple((name, goods) for name, goods in (part.strip().split("=") for part in text.split(",")))


def _poles(text: str) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """One line per dimension, `a b | c d`: the adjectives of pole -1, then those of pole +1."""
    rows = []
    for line in text.strip().splitlines():
        (a, b), (c, d) = (side.split() for side in line.split("|"))
        rows.append(((a, b), (c, d)))
    return tuple(rows)


GAMES = Vocabulary(
    categories=_pairs(
        "Strategy=strategy game, Racing=racing game, Puzzle=puzzle game, Platformer=platformer, "
        "Roleplaying=roleplaying game, Shooter=shooter, Fighting=fighting game, Simulation=simulation, "
        "Adventure=adventure game, Horror=horror game, Sports=sports game, Rhythm=rhythm game, "
        "Stealth=stealth game, Survival=survival game, Trivia=trivia game, Deckbuilder=deckbuilder"
    ),
    adjectives=_poles("""
        Thrifty Bargain | Deluxe Prestige
        Whimsical Silly | Gritty Solemn
        Pocket Miniature | Epic Sprawling
        Classic Retro | Futuristic Cyber
        Solo Solitary | Co-op Party
        Cozy Relaxing | Frantic Explosive
    """),
    brand_heads=("North", "Pixel", "Quasar", "Raven", "Tilt", "Hex"),
    brand_tails=("light", "forge", "byte", "works"),
    first_names=_words(
        "Ember Iron Shadow Star Crystal Dragon Frost Storm Phantom Rune Titan Nebula Arcane Crimson Vortex Rogue "
        "Obsidian Astral Warden Thunder Mystic Savage Echo Lunar Solar Wraith Blade Sky Omega Delta Kraken Griffin "
        "Oracle Cobalt Zephyr Hydra Sentinel Nomad Glitch Turbo"
    ),
    second_names=_words(
        "Tactics Hollow Legends Dominion Quest Frontier Chronicles Ascent Siege Odyssey Protocol Exodus Gambit "
        "Uprising Dungeon Arena Citadel Reckoning Horizon Realm Legacy Escape Covenant Throne Labyrinth Rivals "
        "Crusade Paradox Outpost Saga Vendetta Eclipse Drift Bastion Mayhem Conquest Requiem Voyage Relic "
        "Showdown"
    ),
    sequels=("", " II", " III", " IV"),
    title="{name}{sequel}: {first} {second} {goods}, {third} Edition ({brand})",
    base_prices=(15, 45),
)

FOOD = Vocabulary(
    categories=_pairs(
        "Coffee=coffee, Tea=tea, Chocolate=chocolate, Granola=granola, Crackers=cracker mix, Olives=olive spread, "
        "Pasta=pasta, Salsa=salsa, Nuts=nut blend, Jam=jam, Cookies=cookie assortment, Cheese=cheese, "
        "Noodles=noodle bowl, Honey=honey, Soup=soup, Popcorn=popcorn"
    ),
    adjectives=_poles("""
        Value Everyday | Gourmet Artisan
        Rainbow Cheeky | Refined Sophisticated
        Snack-Size Mini | Jumbo Bulk
        Heirloom Old-Fashioned | Trendy Fusion
        Single-Serve Individual | Family Sharing
        Mild Soothing | Fiery Zesty
    """),
    brand_heads=("Butter", "Grano", "Orchard", "Sunny", "Pepper", "Clover"),
    brand_tails=("field", "mill", "vale", "pantry"),
    first_names=_words(
        "Maple Willow Barley Juniper Saffron Cinnamon Golden Apple Pumpkin Rosemary Hazel Cherry Almond Ginger "
        "Mango Lemon Berry Thyme Vanilla Walnut Plum Chestnut Nutmeg Basil Fig Coconut Apricot Sesame Quince "
        "Caramel Peach Sorrel Mulberry Tamarind Paprika Lavender Oat Rye Cardamom Fennel"
    ),
    second_names=_words(
        "Creek Meadow Acre Kitchen Harvest Farm Grove Hill Table Oven Barn Brook Pasture Bakery Garden Picnic "
        "Larder Hamlet Ranch Feast Homestead Roast Valley Bistro Crumb Tavern Spoon Morsel Ladle Trellis Furrow "
        "Nibble Dairy Cellar Whisk Bounty Crust Ridge Sprout Delight"
    ),
    sequels=("", " Refill", " Sampler", " Gift Tin"),
    title="{brand} {name}, {first} {second} {goods}{sequel}, {third} Recipe",
    base_prices=(4, 16),
)

HOME = Vocabulary(
    categories=_pairs(
        "Lamps=lamp, Rugs=rug, Cushions=cushion, Shelves=shelf, Kettles=kettle, Skillets=skillet, Vases=vase, "
        "Blankets=blanket, Clocks=clock, Mirrors=mirror, Chairs=chair, Baskets=basket, Curtains=curtain, "
        "Towels=towel, Candles=candle, Desks=desk"
    ),
    adjectives=_poles("""
        Economy Affordable | Opulent Designer
        Colorful Jolly | Formal Understated
        Slimline Foldable | Oversized Spacious
        Vintage Farmhouse | Minimalist Contemporary
        Personal Private | Communal Sociable
        Serene Muted | Vibrant Bold
    """),
    brand_heads=("Oak", "Nordi", "Hearth", "Loft", "Casa", "Linen"),
    brand_tails=("stead", "haus", "living", "nest"),
    first_names=_words(
        "Alder Birch Linden Marble Copper Velvet Cedar Ivory Slate Amber Brass Walnutwood Pebble Harbor Coastal "
        "Indigo Teak Porcelain Bamboo Granite Rattan Sable Pearl Mahogany Terracotta Wicker Silver Charcoal "
        "Elmwood Onyx Satin Sand Flint Ebony Cotton Jade Pewter Quartz Cypress Canvas"
    ),
    second_names=_words(
        "Cottage Terrace Manor Studio Lane Bay Porch Atrium Court Alcove Balcony Haven Gable Parlor Chalet Villa "
        "Pavilion Veranda Attic Bungalow Gallery Courtyard Mews Pier Arch Lodge Square Quay Foyer Nook Promenade "
        "Avenue Boulevard Cabin Loggia Mantel Plaza Row Patio Wharf"
    ),
    sequels=("", " Matching Cover", " Extension", " Spare Set"),
    title="{name} {goods}{sequel} by {brand}, {first} and {second}, {third} Finish",
    base_prices=(18, 90),
)

VOCABULARIES = {"games": GAMES, "food": FOOD, "home": HOME}
"""The domains, in an order that their random streams depend on."""
