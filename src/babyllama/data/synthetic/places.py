"""The places of the corpus, as data: which things and beings may be there, and where.

Each place lists its own things and beings, the commonest first. People and small things may be
anywhere, so every list ends with all others of these kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from babyllama.data.synthetic.lexicon import (
    ALL_NOUNS,
    ANIMATE_KINDS,
    PERSON_KINDS,
    Noun,
    nouns,
)

PORTABLE_KINDS = ("toy", "tool", "clothing", "vessel", "reading")


@dataclass(frozen=True, eq=False)
class Place:
    """What may be at a place, the commonest first.

    Args:
        where: `in the kitchen`.
        toward: `to the kitchen`.
        spots: phrases that say where a thing may be in this place.
    """

    where: str
    toward: str
    things: tuple[Noun, ...]
    beings: tuple[Noun, ...]
    stuff: tuple[Noun, ...]
    spots: tuple[str, ...]


def _place(
    name: str, *, things: str, beings: str, stuff: str, spots: str, where: str = "in"
) -> Place:
    return Place(
        where=f"{where} the {name}",
        toward=f"to the {name}",
        things=_and_of_kinds(things, PORTABLE_KINDS),
        beings=_and_of_kinds(beings, PERSON_KINDS),
        stuff=nouns(stuff),
        spots=tuple(spot.strip() for spot in spots.split(",")),
    )


def _and_of_kinds(words: str, kinds: Sequence[str]) -> tuple[Noun, ...]:
    """The nouns in `words`, then all others of these kinds."""
    here = nouns(words)
    return (*here, *(one for one in ALL_NOUNS if one.kind in kinds and one not in here))


PLACES = {
    place.where: place
    for place in (
        _place(
            "kitchen",
            things="""cup apple spoon plate egg bowl table cookie chair pot knife pan jar cake
                carrot stove fork potato pie basket cupboard book bottle sink jug apron teapot
                onion""",
            beings="""cat dog mother father girl boy baby mouse cook child kitten sister grandmother
                brother woman man baker spider rat aunt""",
            stuff="milk bread cheese juice soup butter sugar water rice tea jam honey pudding",
            spots="""on the table, in the cupboard, on the chair, on the shelf, under the table,
                near the stove, in the sink, by the window""",
        ),
        _place(
            "bedroom",
            things="""bed ball doll book lamp sock shoe blanket pillow shirt train box hat puppet
                puzzle mirror clock drum window dress drawer block sweater brush cradle picture
                marble""",
            beings="""boy girl cat baby dog brother sister mother father child kitten puppy mouse
                grandmother spider uncle nurse princess prince""",
            stuff="milk water toast paper string cocoa wool",
            spots="""under the bed, on the bed, in the drawer, on the shelf, behind the door,
                under the blanket, near the lamp, in the corner""",
        ),
        _place(
            "bathroom",
            things="""towel brush cup boat bucket comb hand foot tooth mirror sponge face shirt sock
                door bottle bathtub cookie sink tray ear finger knee nose""",
            beings="""baby boy girl mother father duck child sister brother puppy dog frog cat
                spider uncle crab""",
            stuff="water soap paper ice",
            spots="""in the bathtub, in the sink, on the shelf, near the door, under the towel,
                behind the mirror, on the wall""",
        ),
        _place(
            "garden",
            things="""flower tree ball apple bush leaf basket shovel stone tomato gate rose bench
                bucket nest berry carrot pumpkin fence ladder swing stick daisy seed pear kite""",
            beings="""bird dog cat gardener bee girl boy butterfly rabbit snail ant neighbor worm
                grandfather mother squirrel robin child hedgehog snake beetle lady crow aunt""",
            stuff="grass water mud honey sand lemonade",
            spots="""under the tree, near the gate, behind the bush, on the bench, in the grass,
                by the fence, beside the path, in the basket""",
        ),
        _place(
            "farm",
            where="on",
            things="""egg cart bucket gate fence apple basket tree carrot wheel rope turnip ladder
                potato box bell shovel pumpkin stone broom jug boot axe barn wagon""",
            beings="""cow horse farmer pig dog hen duck goat cat chick goose lamb pony donkey calf
                boy girl turkey ox mouse man son daughter wife rat woman milkman shepherd""",
            stuff="hay milk grass corn water mud wool butter cheese wood",
            spots="""in the barn, near the fence, behind the cart, in the hay, by the gate,
                under the tree, on the roof, beside the wagon""",
        ),
        _place(
            "park",
            things="""ball tree kite bench swing slide wagon flower path boat balloon leaf sandwich
                cookie stick bridge bag book newspaper cap nut hat""",
            beings="""dog boy girl duck bird child squirrel woman man puppy mother friend baby swan
                pigeon lady stranger father gentleman dancer nurse clown visitor""",
            stuff="water bread juice grass lemonade ice sand",
            spots="""on the bench, under the tree, near the swing, by the slide, on the path,
                behind the bush, beside the bridge, in the grass""",
        ),
        _place(
            "beach",
            where="on",
            things="""shell ball bucket boat stone shovel towel hat net feather umbrella rock tent
                kite bottle sandwich orange wave puddle bag rope""",
            beings="""crab girl boy bird seal dog fisherman child sailor turtle whale dolphin mother
                lifeguard father shark lady captain friend sister pilot""",
            stuff="sand water lemonade juice ice wood",
            spots="""in the sand, near the boat, on the rock, under the umbrella, behind the tent,
                by the water, on the towel""",
        ),
        _place(
            "zoo",
            where="at",
            things="""banana gate fence rock tree ticket map bench nut bucket apple balloon
                feather leaf cap wall bone""",
            beings="""monkey lion elephant bear tiger penguin child girl boy zebra giraffe snake
                seal parrot kangaroo camel owl turtle visitor teacher eagle wolf otter nurse
                guest""",
            stuff="water meat grass hay ice mud",
            spots="""near the gate, behind the rock, in the tree, by the fence, on the wall,
                beside the pond, on the bench""",
        ),
        _place(
            "pond",
            where="by",
            things="""stone boat stick flower leaf net feather nest bucket bush bridge rock branch
                boot shell puddle basket coin""",
            beings="""duck frog goose boy girl swan turtle dog otter snake fisherman butterfly
                beetle bird crow hunter child grandfather snail crab""",
            stuff="water bread mud grass ice corn",
            spots="""on the rock, near the bridge, in the water, under the branch, by the bush,
                behind the stone, in the mud""",
        ),
        _place(
            "market",
            where="at",
            things="""apple basket egg orange carrot hat cake pear bag pie scarf loaf
                peach cherry onion plum coin necklace potato pumpkin jar ring box cart
                glove""",
            beings="""farmer baker woman man girl boy cook thief mother tailor dog lady policeman
                hen goose king guest queen robber sailor aunt neighbor duchess stranger milkman""",
            stuff="bread cheese honey money meat butter milk jam soap paint gold",
            spots="""in the basket, on the cart, near the gate, on the table, by the wall,
                behind the counter, under the bench""",
        ),
        _place(
            "school",
            where="at",
            things="""book chair table map ball picture desk apple letter sandwich box window door
                poem bell clock bag block drum story coat whistle puzzle card""",
            beings="""teacher boy girl child student friend singer painter visitor mouse brother
                sister postman schoolgirl cat clown nephew niece fireman policewoman""",
            stuff="paper paint water milk string",
            spots="""on the desk, under the chair, in the bag, near the window, on the shelf,
                behind the door, by the clock""",
        ),
        _place(
            "forest",
            things="""tree nest berry path stone hole leaf bush axe rope basket branch nut lantern
                stick cave feather stump rock hill tent knife flower""",
            beings="""wolf fox bear owl hunter squirrel rabbit girl boy witch bird robber hedgehog
                spider crow wizard frog snake prince princess snail child beetle eagle worm
                stranger""",
            stuff="wood water mud honey snow grass",
            spots="""under the tree, behind the rock, in the hole, near the stump, by the path,
                in the nest, beside the bush, in the cave""",
        ),
        _place(
            "castle",
            things="""crown door table ring bell mirror candle key chest letter bed lamp tower
                window book necklace gate axe dress carpet bench wall""",
            beings="""king queen prince princess wizard soldier cook horse guest witch dog thief owl
                singer nurse dancer visitor clown cat stranger duchess captain mouse""",
            stuff="gold money meat bread honey water wood soup",
            spots="""on the table, in the tower, under the bed, in the chest, behind the door,
                near the gate, by the wall, beside the window""",
        ),
        _place(
            "harbor",
            where="at",
            things="""boat rope net box bell lamp map bottle coat rock bridge basket chest
                hat lantern boot stone feather""",
            beings="""sailor captain fisherman boy girl bird dog seal crab robber stranger cat
                dolphin whale man wife rat policeman soldier pigeon builder actress""",
            stuff="water wood money ice meat soup",
            spots="""in the boat, near the bridge, behind the box, on the rock, under the net,
                by the water, in the chest""",
        ),
        _place(
            "bakery",
            things="""cake bun pie cookie loaf oven table plate basket tray biscuit apron box
                pancake egg window jar door broom bag counter cherry bell""",
            beings="""baker woman girl boy mother man mouse daughter child cat lady policeman son
                guest fireman neighbor waitress painter""",
            stuff="bread sugar milk butter money jam honey toast cocoa",
            spots="""on the counter, in the oven, on the tray, near the window, in the basket,
                by the door, under the table""",
        ),
        _place(
            "house",
            things="""book ball car table cup sofa doll clock picture truck lamp robot glass coat
                key mitten carpet top jacket letter shelf candle needle hammer mirror scarf""",
            beings="""cat mother dog father girl boy grandmother husband wife baby grandfather
                doctor uncle aunt mouse daughter son nephew niece guest parrot spider hedgehog""",
            stuff="milk tea porridge wool wood paper string bread cocoa lemonade",
            spots="""on the table, under the sofa, behind the clock, on the shelf, near the lamp,
                by the door, beside the window""",
        ),
        _place(
            "village",
            things="""cart bell house gate bridge wheel bag coat belt skirt box key stone tree
                letter hammer lantern roof bench wall pebble tulip vine map jacket loaf""",
            beings="""man woman dog boy miller horse driver child doctor goose farmer tailor goat
                policeman king postman thief milkman builder gentleman crow soldier rat ox""",
            stuff="snow wood water bread money hay mud porridge corn",
            spots="""near the bridge, on the cart, behind the gate, by the wall, under the tree,
                on the bench, beside the house""",
        ),
    )
}
assert all(one.kind in ANIMATE_KINDS for p in PLACES.values() for one in p.beings)
