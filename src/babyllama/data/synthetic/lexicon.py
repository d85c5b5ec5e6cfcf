"""The words of the embedded corpus, as data, and the rules that inflect them.

Only the words that the grammar can say, one string for each class. The words of a class are in
order of frequency. A noun is written `singular` or `singular/plural`, a verb `base`, `base/past` or
`base/past/participle`; a `+` after a base doubles its last letter (`hop+`: hopping, hopped).
"""

import functools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Number = Literal[0, 1]
SINGULAR: Number = 0
PLURAL: Number = 1
Tense = Literal["present", "past"]

HELD_OUT_SHARE = 6  # one word in six, for each construction


@dataclass(frozen=True, eq=False)
class Noun:
    """A noun.

    Args:
        singular: also the noun's name in the tables of places.
        plural: equal to `singular` for a mass noun (milk).
        kind: its class in `_NOUNS`. Verbs choose their objects by it.
    """

    singular: str
    plural: str
    kind: str

    @property
    def is_mass(self) -> bool:
        return self.plural == self.singular

    @property
    def is_irregular(self) -> bool:
        return self.plural not in (self.singular, _regular_plural(self.singular))

    def form(self, number: Number) -> str:
        return self.plural if number == PLURAL else self.singular


@dataclass(frozen=True, eq=False)
class Verb:
    """A verb's five forms. A verb that is in several classes is one object."""

    base: str
    third: str
    past: str
    participle: str
    ing: str

    def form(self, tense: Tense, number: Number) -> str:
        """The finite form that agrees with a third-person subject."""
        if tense == "past":
            return self.past
        return self.base if number == PLURAL else self.third


@functools.cache
def is_held_out(word: str, construction: str) -> bool:
    """Whether the corpus never uses `word` in `construction`; novel minimal pairs do.

    A checksum selects the words, so no list and no order is needed.
    """
    return zlib.crc32(f"{construction}:{word}".encode()) % HELD_OUT_SHARE == 0


@functools.cache
def noun(word: str) -> Noun:
    """The noun whose singular is `word`. Raises KeyError if there is none."""
    return _BY_SINGULAR[word]


@functools.cache
def nouns(words: str) -> tuple[Noun, ...]:
    """The nouns whose singulars are in `words`, in that order."""
    return tuple(noun(word) for word in words.split())


def named(verbs: Iterable[Verb], bases: str) -> tuple[Verb, ...]:
    """The verbs whose bases are in `bases`, in that order. Raises KeyError if one is missing."""
    by_base = {verb.base: verb for verb in verbs}
    return tuple(by_base[base] for base in bases.split())


def both_ways(left: Sequence[Verb], right: Sequence[Verb]) -> dict[Verb, Verb]:
    """Map each verb of one list to the verb at its place in the other list."""
    pairs = list(zip(left, right, strict=True))
    return dict(pairs) | {b: a for a, b in pairs}


def _regular_plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def _make_noun(entry: str, kind: str) -> Noun:
    singular, _, plural = entry.partition("/")
    if kind.startswith("mass"):
        return Noun(singular, singular, kind)
    return Noun(singular, plural or _regular_plural(singular), kind)


@functools.cache
def _make_verb(entry: str) -> Verb:
    spelled, *irregular = entry.split("/")
    base = spelled.rstrip("+")
    stem = base + base[-1] if spelled.endswith("+") else base
    past = irregular[0] if irregular else _regular_past(stem)
    return Verb(
        base=base,
        third="goes" if base == "go" else _regular_plural(base),
        past=past,
        participle=irregular[1] if len(irregular) == 2 else past,
        ing=(stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem) + "ing",
    )


def _regular_past(stem: str) -> str:
    if stem.endswith("e"):
        return stem + "d"
    if stem.endswith("y") and stem[-2] not in "aeou":
        return stem[:-1] + "ied"
    return stem + "ed"


def _words(words: str) -> tuple[str, ...]:
    return tuple(words.split())


def _verbs(entries: str) -> tuple[Verb, ...]:
    return tuple(_make_verb(entry) for entry in entries.split())


_NOUNS = {
    "male": """boy man/men father brother king uncle prince grandfather son fisherman/fishermen
        policeman/policemen wizard husband fireman/firemen nephew postman/postmen
        gentleman/gentlemen milkman/milkmen""",
    "female": """girl woman/women mother sister queen aunt princess grandmother daughter witch
        lady wife/wives niece policewoman/policewomen schoolgirl waitress actress duchess""",
    "person": """child/children baby farmer teacher friend doctor baker neighbor sailor driver
        cook singer gardener hunter nurse shepherd thief/thieves painter dancer soldier guest
        pilot tailor stranger visitor student miller builder captain robber clown lifeguard""",
    "animal": """dog cat bird horse cow duck mouse/mice bear rabbit pig wolf/wolves frog goose/geese
        fox hen goat lion kitten monkey puppy bee elephant owl squirrel tiger turtle snake lamb
        donkey spider ant crow butterfly swan seal crab rat hedgehog parrot calf/calves whale
        snail penguin eagle zebra giraffe pony robin otter worm beetle camel ox/oxen pigeon
        chick kangaroo turkey shark dolphin""",
    "food": """apple cake egg cookie carrot banana sandwich potato/potatoes pie pear bun
        tomato/tomatoes berry cherry orange biscuit pancake nut loaf/loaves onion peach plum
        pumpkin turnip""",
    "mass_food": """bread cheese rice meat honey butter jam soup porridge sugar corn
        pudding toast""",
    "mass_feed": "grass hay",
    "mass_drink": "milk water juice tea lemonade cocoa",
    "mass_stuff": "money sand mud snow wood paper paint wool soap gold string ice",
    "vessel": "cup plate bowl box basket bottle glass pot bucket jar jug pan bag tray teapot chest",
    "clothing": """hat coat shoe sock scarf/scarves shirt dress boot glove jacket cap belt apron
        ring mitten sweater skirt crown necklace""",
    "toy": """ball doll kite drum car train puppet balloon robot truck block puzzle whistle top
        boat marble""",
    "tool": """key spoon brush knife/knives stick rope broom hammer ladder lamp fork comb towel
        shovel net needle axe umbrella lantern sponge candle bell wheel""",
    "reading": "book letter picture map card newspaper poem story ticket",
    "furniture": """table chair bed shelf/shelves door window bench clock mirror sofa cupboard
        blanket pillow carpet gate fence cart oven counter desk drawer swing slide tent
        wagon roof wall stove sink bathtub cradle""",
    "plant": "flower tree leaf/leaves bush rose seed daisy tulip branch vine",
    "ground": """rock stone hole nest hill bridge path wave puddle bone stump shell feather
        coin pebble""",
    "body": "hand foot/feet tooth/teeth nose ear face finger knee",
    "place": """house kitchen garden farm park forest market school beach river village barn
        castle pond shop zoo playground meadow bedroom bathroom bakery harbor library stable
        sea lake island mountain cave tower""",
}
_BY_SINGULAR = {
    made.singular: made
    for kind, entries in _NOUNS.items()
    for made in (_make_noun(entry, kind) for entry in entries.split())
}
ALL_NOUNS = tuple(_BY_SINGULAR.values())
PERSON_KINDS = ("male", "female", "person")
ANIMATE_KINDS = (*PERSON_KINDS, "animal")

MEN = _words(
    """Tom Ben Sam Max Jack Peter Paul Hugo Leo Oscar Felix Henry Oliver Simon Victor Walter
    Arthur Bruno Carl David Edgar Frank George Harold Ivan Jasper Kevin Louis Martin Nathan"""
)
WOMEN = _words(
    """Anna Mia Lily Emma Rosa Clara Lucy Ella Nora Sophie Julia Hannah Alice Betty Carla
    Diana Edith Fiona Grace Helen Irene Judith Karen Laura Maria Nancy Olga Paula Ruth Sarah"""
)

# Intransitive verbs of persons. None of them takes an object.
INTRANSITIVE = _verbs(
    """sleep/slept run+/ran/run laugh cry wait jump smile sit+/sat dance play walk sing/sang/sung
    rest swim+/swam/swum yawn sneeze stand/stood giggle snore work crawl shiver weep/wept tremble
    wander kneel/knelt stumble nap+ march cough sigh faint limp grin+ hop+ pray blush"""
)
# Intransitive verbs by animal.
ANIMAL_INTRANSITIVE = {
    animal: _verbs(entries)
    for animals, entries in {
        "dog puppy": "bark run+/ran/run sleep/slept growl jump sniff",
        "wolf fox": "howl growl run+/ran/run sleep/slept wait",
        "cat kitten": "sleep/slept purr jump yawn hiss sit+/sat",
        "bear lion tiger": "roar sleep/slept growl rest yawn run+/ran/run",
        "bird robin parrot crow pigeon": "sing/sang/sung fly/flew/flown hop+ rest sleep/slept",
        "eagle owl": "fly/flew/flown rest hop+ sleep/slept",
        "duck goose swan penguin": "swim+/swam/swum quack waddle sleep/slept fly/flew/flown",
        "hen turkey chick": "cluck run+/ran/run scratch sleep/slept rest",
        "horse pony donkey zebra camel giraffe": "gallop neigh stand/stood rest run+/ran/run",
        "cow ox calf lamb goat pig": "graze rest sleep/slept stand/stood wander",
        "mouse rat squirrel hedgehog": "squeak run+/ran/run tremble sleep/slept wait",
        "rabbit kangaroo frog": "hop+ jump rest wait sleep/slept",
        "bee butterfly beetle": "buzz fly/flew/flown rest crawl hum+",
        "ant spider snail worm crab snake turtle": "crawl rest wait sleep/slept creep/crept",
        "seal otter whale dolphin shark": "swim+/swam/swum dive rest splash sleep/slept",
        "monkey elephant": "play dance swing/swung sleep/slept wait",
    }.items()
    for animal in animals.split()
}
EATS = {
    animal: foods
    for animals, foods in {
        "dog puppy wolf fox lion tiger": "meat bone",
        "cat kitten": "meat cheese",
        "bear": "honey berry nut",
        "bird robin parrot crow pigeon": "seed berry bread",
        "eagle owl shark": "meat",
        "duck goose swan hen turkey chick": "bread corn seed",
        "horse pony donkey camel zebra": "hay apple carrot grass",
        "giraffe elephant kangaroo goat": "leaf grass branch",
        "cow ox calf lamb": "grass hay",
        "pig": "turnip potato corn apple",
        "mouse rat": "cheese corn bread",
        "squirrel hedgehog": "nut apple berry",
        "rabbit": "carrot grass leaf turnip",
        "bee butterfly": "honey",
        "ant beetle": "sugar bread leaf",
        "snail worm turtle": "leaf grass",
        "monkey": "banana nut cherry",
    }.items()
    for animal in animals.split()
}
# Verbs of things, without an agent.
UNACCUSATIVE = _verbs("fall/fell/fallen disappear shine/shone vanish glow")
# With or without an agent: the cup broke, Tom broke the cup.
ALTERNATING = {
    "vessel": _verbs("break/broke/broken fill crack roll tip+"),
    "toy": _verbs("roll bounce spin+/spun break/broke/broken move sink/sank/sunk"),
    "furniture": _verbs("open close move shake/shook/shaken burn"),
    "reading": _verbs("burn tear/tore/torn open"),
    "tool": _verbs("break/broke/broken bend/bent swing/swung snap+"),
}
# Transitive verbs of persons that need an object, with the kinds of that object.
TRANSITIVE = {
    verb: kinds.split()
    for entries, kinds in {
        "find/found want lose/lost": "toy tool clothing vessel reading",
        "buy/bought take/took/taken hold/held": "toy tool clothing vessel reading",
        "carry bring/brought need touch": "toy tool vessel clothing reading",
        "see/saw/seen like": "toy tool clothing vessel reading furniture plant",
        "eat/ate/eaten taste cook": "food mass_food",
        "drink/drank/drunk spill": "mass_drink",
        "wash clean": "vessel clothing furniture",
        "paint fix build/built": "furniture toy",
        "wear/wore/worn fold sew": "clothing",
        "throw/threw/thrown kick catch/caught": "toy",
        "read/read write/wrote/written": "reading",
        "steal/stole/stolen choose/chose/chosen sell/sold": "tool reading toy clothing",
        "draw/drew/drawn count": "plant furniture vessel toy",
        "smell pick": "plant",
        "lift push pull": "furniture vessel toy",
        "use borrow": "tool",
    }.items()
    for verb in _verbs(entries)
}
# Transitive verbs with an animate object.
SOCIAL = _verbs(
    """chase help follow love watch hug+ feed/fed meet/met kiss scare visit greet tease thank
    tickle bite/bit/bitten save teach/taught lead/led admire trust fear praise
    forgive/forgave/forgiven hear/heard hate pat+ call"""
)
ANIMAL_SOCIAL = _verbs("chase follow watch scare bite/bit/bitten lick love see/saw/seen")
REFLEXIVE = _verbs(
    "wash hurt/hurt dry see/saw/seen dress scratch cover clean admire warm blame cut+/cut"
)
DOUBLE_OBJECT = _verbs(
    "give/gave/given show/showed/shown send/sent hand lend/lent offer owe promise pass"
)
PLACING = _verbs(
    "put+/put hide/hid/hidden lay/laid leave/left drop+ place set+/set store hang/hung"
)
# Verbs with a clause as object. Those of CLAUSE_ALONE take nothing else.
CLAUSE_ALONE = _verbs("think/thought say/said hope dream agree pretend complain")
CLAUSE = (*CLAUSE_ALONE, *_verbs("know/knew/known believe notice remember"))
EMBEDDING = _verbs("know/knew/known remember forget+/forgot/forgotten guess learn see/saw/seen")
GOING = _verbs(
    """go/went/gone walk run+/ran/run come/came/come hurry ride/rode/ridden travel
    drive/drove/driven return march wander"""
)

MOODS = _words(
    """happy hungry tired asleep sad angry afraid thirsty awake sick busy proud lonely ready
    cold quiet clever brave excited sleepy bored late alone"""
)
CONDITIONS = _words(
    """dirty clean new old broken wet heavy pretty dry soft warm lost light cheap ugly sticky
    shiny dusty full empty"""
)
COLORS = _words("red blue green yellow brown white black pink orange gray purple")
LOOKS = _words("big little small old young funny fat pretty white brown black thin strange")
SIZES = _words("big small new old little pretty red blue round heavy green shiny long")
TEMPERS = _words("brave kind old clever young poor shy rich lonely wise lazy curious")
COUNTS = _words("two three four five six seven eight nine ten")
TIMES = _words("morning evening day afternoon night summer winter spring autumn")
WEATHER = _words("cold warm sunny rainy windy dark quiet snowy foggy")
MANNERS = _words(
    """quickly slowly quietly happily sadly loudly carefully suddenly gently eagerly badly
    lazily softly proudly alone twice"""
)
WHENS = (
    *_words("today now again here outside too"),
    *("every day", "all day", "at home", "this time", "at last", "these days"),
)
