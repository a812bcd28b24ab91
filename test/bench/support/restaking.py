"""What test/bench/restaking.ts does, by networkx and scipy: prints times and results as JSON."""

import json
import re
import sys
import time
from collections import defaultdict
from fractions import Fraction
from statistics import median


NAME = re.compile(r"[ -~\u00a0-\U0010ffff]{1,200}")
AMOUNT = re.compile("0|[1-9][0-9]{0,77}")
OPTIONAL = {"pools": {"owner"}, "operators": {"group"}}
REQUIRED = {
    "assets": {"id", "decimals"},
    "pools": {"id", "asset", "kind", "amount"},
    "operators": {"id"},
    "services": {"id", "profit", "alpha", "basis", "tie"},
    "edges": {
        *("pool", "operator", "service", "weight", "slashable", "loss"),
        *("shares", "onSlash", "veto", "pending"),
    },
}
LOSS = {"rate", "fee"}
SHARES, ON_SLASH = {"pool", "unique"}, {"spend-pool", "reduce-pool"}
KINDS = {"utxo", "strategy-delegation", "vault", "adapter"}


def entries(data, name):
    """A list of the file, each entry with just the fields that it may have. This file has no layers of pools."""
    required, optional = REQUIRED[name], OPTIONAL.get(name, set())
    for entry in data[name]:
        unknown = entry.keys() ^ required
        if unknown and not unknown <= optional:
            raise ValueError(f"{name}: unknown or missing fields {unknown}")
        yield entry


def is_name(text):
    return isinstance(text, str) and NAME.fullmatch(text) is not None


def amount_of(text):
    if not isinstance(text, str) or not AMOUNT.fullmatch(text):
        raise ValueError(f"no amount: {text}")
    return int(text)


def ratio_of(pair):
    numerator, denominator = pair
    return Fraction(amount_of(numerator), amount_of(denominator))


def choice(value, choices):
    if value not in choices:
        raise ValueError(f"{value} is none of {choices}")
    return value


def loss_of(loss, known):
    """What a slashing takes: a part and a fee, as whole numbers. Few differ: each is read once."""
    unknown = loss.keys() ^ LOSS
    if unknown and unknown != {"lockedBlocks"}:
        raise ValueError(f"loss: unknown or missing fields {unknown}")
    (numerator, denominator), fee, blocks = loss["rate"], loss["fee"], loss.get("lockedBlocks", 0)
    key = numerator, denominator, fee, blocks
    if key not in known:
        if not isinstance(blocks, int) or not 0 <= blocks <= 65_535:
            raise ValueError("lockedBlocks out of range")
        read = known[key] = amount_of(numerator), amount_of(denominator), amount_of(fee)
        if not read[0] <= read[1] != 0:
            raise ValueError("a rate above 1")
    return known[key]


def read(path, networkx):
    """
    The file as a graph, strictly, by the rules of the format: operators and services, with the stake of each pair and
    what it loses; pools, with their operators.
    """
    with open(path, encoding="utf8") as file:
        data = json.load(file)
    if data["format"] != "tapstake-restaking" or data["version"] != 1:
        raise ValueError("another format")
    graph = networkx.Graph()

    def add(name, **attributes):
        if not is_name(name) or name in graph:
            raise ValueError(f"{name} is no name, or given twice")
        graph.add_node(name, **attributes)

    assets = {asset["id"] for asset in entries(data, "assets")}
    if len(assets) != 1:
        raise ValueError("this file has one asset")
    for service in entries(data, "services"):
        alpha = ratio_of(service["alpha"])
        if not 0 < alpha <= 1:
            raise ValueError("alpha out of range")
        basis = choice(service["basis"], {"weight", "slashable"})
        choice(service["tie"], {"attack", "safe"})
        profit = service["profit"]
        add(service["id"], profit=0 if profit is None else amount_of(profit), alpha=alpha, basis=basis)
    operators = {operator["id"] for operator in entries(data, "operators")}
    for operator in data["operators"]:
        group = operator.get("group", operator["id"])
        if not is_name(group):
            raise ValueError(f"{group} is no name")
        add(operator["id"], group=group)
    for pool in entries(data, "pools"):
        choice(pool["kind"], KINDS)
        choice(pool["asset"], assets)
        if "owner" in pool:
            choice(pool["owner"], operators)
        add(pool["id"], amount=amount_of(pool["amount"]))
    read_edges(data, graph)
    return graph, data


def read_edges(data, graph):
    nodes = graph.nodes
    losses, rules, unique, seen = {}, {}, defaultdict(int), set()
    for edge in entries(data, "edges"):
        pool, operator, service = edge["pool"], edge["operator"], edge["service"]
        stake = nodes[pool]["amount"]
        basis, _ = nodes[service]["basis"], nodes[operator]["group"]
        weight, slashable = amount_of(edge["weight"]), amount_of(edge["slashable"])
        if weight > stake or slashable > stake:
            raise ValueError("more than the pool's amount")
        if (pool, operator, service) in seen:
            raise ValueError("an edge twice")
        seen.add((pool, operator, service))
        shares, on_slash = choice(edge["shares"], SHARES), choice(edge["onSlash"], ON_SLASH)
        rule = shares, on_slash
        if rules.setdefault(pool, rule) != rule:
            raise ValueError("other rules than the pool's other edges")
        if not isinstance(edge["veto"], bool) or not isinstance(edge["pending"], bool):
            raise ValueError("neither true nor false")
        numerator, denominator, fee = loss_of(edge["loss"], losses)
        if edge["pending"]:
            continue
        if shares == "unique":
            unique[pool] += slashable
            if on_slash == "spend-pool" or unique[pool] > stake:
                raise ValueError("unique edges beyond the pool")
        if on_slash == "spend-pool":
            lost = min(stake, (2 * stake * numerator + denominator) // (2 * denominator) + fee)
        else:
            lost = min(slashable, -(-slashable * numerator // denominator) + fee)
        power = weight if basis == "weight" else slashable
        pair = graph.get_edge_data(operator, service)
        if pair is None:
            graph.add_edge(operator, service, weight=power, loss=lost)
        else:
            pair["weight"] += power
            pair["loss"] += lost
        graph.add_edge(pool, operator)


def loads_and_concentration(graph, data):
    services = [service["id"] for service in data["services"]]
    power = {s: sum(graph[s][o]["weight"] for o in graph[s]) for s in services}
    rate = {s: Fraction(graph.nodes[s]["profit"]) / (graph.nodes[s]["alpha"] * power[s]) for s in services if power[s]}
    operators = [operator["id"] for operator in data["operators"]]
    greatest = max(load(graph, o, rate) for o in operators)
    held, grouped = defaultdict(int), defaultdict(int)
    for pool in data["pools"]:
        amount = graph.nodes[pool["id"]]["amount"]
        for operator in graph[pool["id"]]:
            held[operator] += amount
            grouped[graph.nodes[operator]["group"]] += amount
    by_operator, by_group = concentration(held), concentration(grouped)
    for s in services:
        own, groups = {}, defaultdict(int)
        for o in graph[s]:
            own[o] = graph[s][o]["weight"]
            groups[graph.nodes[o]["group"]] += own[o]
        concentration(own)
        concentration(groups)
    herfindahl = by_operator[0]
    return (
        f"{greatest.numerator}/{greatest.denominator} "
        f"{herfindahl.numerator}/{herfindahl.denominator} {by_group[2]}"
    )


def load(graph, operator, rate):
    """Its pools are all behind the same services here, and lose the same by each: one loss for all profits."""
    pairs = [(rate[s], pair) for s, pair in graph[operator].items() if s in rate]
    return sum((each * Fraction(pair["weight"], pair["loss"]) for each, pair in pairs), Fraction(0))


def concentration(stakes):
    sizes = sorted(size for size in stakes.values() if size > 0)
    total, count = sum(sizes), len(sizes)
    if total == 0:
        return Fraction(0), Fraction(0), 0
    herfindahl = Fraction(sum(size * size for size in sizes), total * total)
    ranked = sum((i + 1) * size for i, size in enumerate(sizes))
    gini = Fraction(2 * ranked - (count + 1) * total, count * total)
    rest = few = 0
    for size in reversed(sizes):
        if 2 * rest > total:
            break
        rest += size
        few += 1
    return herfindahl, gini, few


def timed(work, times):
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - start)
    return median(taken), result


def stakes_of(data):
    amounts = {pool["id"]: int(pool["amount"]) for pool in data["pools"]}
    return {edge["operator"]: amounts[edge["pool"]] for edge in data["edges"]}


def best_by_cut(path, networkx):
    with open(path, encoding="utf8") as file:
        data = json.load(file)
    flow = networkx.DiGraph()
    profit = 0
    for service in data["services"]:
        profit += int(service["profit"])
        flow.add_edge("source", service["id"], capacity=int(service["profit"]))
    for edge in data["edges"]:
        flow.add_edge(edge["service"], edge["operator"])
    for operator, stake in stakes_of(data).items():
        flow.add_edge(operator, "sink", capacity=stake)
    seconds, value = timed(lambda: networkx.minimum_cut_value(flow, "source", "sink"), 3)
    return seconds, str(profit - value)


def bound(path):
    import numpy
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix

    with open(path, encoding="utf8") as file:
        data = json.load(file)
    stakes = stakes_of(data)
    services = {service["id"]: i for i, service in enumerate(data["services"])}
    operators = {operator: len(services) + i for i, operator in enumerate(stakes)}
    held = defaultdict(list)
    for edge in data["edges"]:
        held[edge["service"]].append((operators[edge["operator"]], int(edge["weight"])))
    unit = max(int(service["profit"]) for service in data["services"])
    cost = numpy.zeros(len(services) + len(operators))
    rows, columns, values = [], [], []
    for service in data["services"]:
        at = services[service["id"]]
        cost[at] = -int(service["profit"]) / unit
        power = sum(weight for _, weight in held[service["id"]])
        numerator, denominator = map(int, service["alpha"])
        rows.append(at), columns.append(at), values.append(-numerator / denominator)
        for column, weight in held[service["id"]]:
            rows.append(at), columns.append(column), values.append(weight / power)
    for operator, stake in stakes.items():
        cost[operators[operator]] = stake / unit
    rows += [len(services)] * len(services)
    columns += list(services.values())
    values += [1.0] * len(services)
    matrix = csr_matrix((values, (rows, columns)), shape=(len(services) + 1, len(cost)))
    least = numpy.zeros(len(services) + 1)
    least[-1] = 1
    integrality = numpy.array([1] * len(services) + [0] * len(operators))

    def solve():
        return milp(
            cost,
            constraints=LinearConstraint(matrix, least, numpy.inf),
            integrality=integrality,
            bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0},
        )

    seconds, result = timed(solve, 3)
    return {"seconds": seconds, "value": -result.fun * unit}


def main():
    with open(sys.argv[1], encoding="utf8") as file:
        paths = json.load(file)
    answer = {"networkx": None, "scipy": None}
    try:
        import networkx
    except ImportError:
        pass
    else:
        reading, facts = timed(lambda: loads_and_concentration(*read(paths["large"], networkx)), 3)
        cut, gain = best_by_cut(paths["cut"], networkx)
        answer["networkx"] = {"reading": reading, "facts": facts, "cut": cut, "gain": gain}
    try:
        import scipy  # noqa: F401
    except ImportError:
        pass
    else:
        answer["scipy"] = bound(paths["bound"])
    print(json.dumps(answer))


main()
