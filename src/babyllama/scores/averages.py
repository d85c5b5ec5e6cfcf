"""The weight of each UID in a score, under each average that a benchmark may use."""

from collections.abc import Iterator, Mapping

_GROUPS = "mean over groups"  # how `rules["average"]` of a result begins
Weights = dict[str, float]  # by UID, 1 in all


def rules_weights(average: str, sizes: Mapping[str, int], groups: Mapping[str, str]) -> Weights:
    """What each UID weighs under the average that a result's rules name.

    Args:
        average: `rules["average"]` of the result; anything but the mean over groups, which pools
            the items of a group, is the mean over UIDs.
        sizes: the number of items of each UID.
        groups: the group of each UID.
    """
    if average.lower().startswith(_GROUPS):
        return _pooled(sizes, groups)
    return {uid: 1 / len(sizes) for uid in sizes}


def averages(
    average: str, sizes: Mapping[str, int], groups: Mapping[str, str]
) -> Iterator[Weights]:
    """The weights under every average that a benchmark may have, that of the rules first.

    Some benchmarks have an average of their own under all rules, which results do not name.
    """
    names, total = [*groups.values()], sum(sizes.values())
    yield rules_weights(average, sizes, groups)
    yield {uid: 1 / len(sizes) for uid in sizes}
    yield _pooled(sizes, groups)
    yield {uid: 1 / names.count(groups[uid]) / len(set(names)) for uid in sizes}
    yield {uid: size / total for uid, size in sizes.items()}


def _pooled(sizes: Mapping[str, int], groups: Mapping[str, str]) -> Weights:
    pooled = dict.fromkeys(groups.values(), 0)
    for uid, size in sizes.items():
        pooled[groups[uid]] += size
    return {uid: size / pooled[groups[uid]] / len(pooled) for uid, size in sizes.items()}
