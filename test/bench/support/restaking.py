"""What test/bench/restaking.ts does, by networkx and scipy: prints times and results as JSON."""

import json
import sys
import time
from collections import defaultdict
from fractions import Fraction
from statistics import median


def read(path, networkx):
    """The file as a graph: operators and services, with the stake of each pair; pools, with their operator."""
    with open(path, encoding="utf8") as file:
        data = json.load(file)
    graph = networkx.Graph()
    for service in data["services"]:
        numerator, denominator = service["alpha"]
        graph.add_node(
            service["id"], profit=int(service["profit"]), alpha=Fraction(int(numerator), int(denominator))
        )
    for operator in data["operators"]:
        graph.add_node(operator["id"], group=operator.get("group", operator["id"]))
    for pool in data["pools"]:
        graph.add_node(pool["id"], amount=int(pool["amount"]))
    for edge in data["edges"]:
        pool, operator, service = edge["pool"], edge["operator"], edge["service"]
        weight = int(edge["weight"])
        if graph.has_edge(operator, service):
            graph[operator][service]["weight"] += weight
        else:
            graph.add_edge(operator, service, weight=weight)
        graph.add_edge(pool, operator)
    return graph, data


def loads_and_concentration(graph, data):
    services = [service["id"] for service in data["services"]]
    power = {s: sum(graph[s][o]["weight"] for o in graph[s]) for s in services}
    rate = {s: Fraction(graph.nodes[s]["profit"]) / (graph.nodes[s]["alpha"] * power[s]) for s in services if power[s]}
    operators = [operator["id"] for operator in data["operators"]]
    greatest = max(sum((rate[s] for s in graph[o] if s in rate), Fraction(0)) for o in operators)
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
