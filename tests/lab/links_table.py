"""The figures of `bench links`: its table and its targets. Pure."""

from figures import Figures, Target, aligned, number, ratio

OWN, RAW, ALONE = "braid", "mptcp", ("braid-first", "braid-second")
UDP = "udp"           # chosen like a column
SAME = 0.99           # two medians of the same differ by as much
LEAST_OF_RAW = 0.95
UDP_SHARE = 0.8       # of the sum of the single lines
MOST_UDP_LOSS = 0.5   # %
HEAD = (("", "", "first", "second", "", "plain", "OpenVPN", "braid:", "% of", "% of", "% of", "UDP",
         "lost", "out of"),
        ("", "delays one-way", "alone", "alone", "sum", "MPTCP", "MPTCP", "both", "better", "MPTCP",
         "sum", "Mbit/s", "%", "order, %"))
WIDTHS = (4, 33)


class LinksFigures(Figures):
    """Rows are (number of the pair, figure). Goodput in Mbit/s is `tcp`; `udp`, `udp-lost` (%) and
    `udp-reordered` (%) are of braid over both."""

    def tcp(self, pair, column):
        return self.median((pair, "tcp"), column)

    def singles(self, pair):
        """Of both lines alone; None unless both were measured."""
        found = [self.tcp(pair, column) for column in ALONE]
        return None if None in found else found

    def better(self, pair):
        singles = self.singles(pair)
        return singles and max(singles)

    def sum(self, pair):
        singles = self.singles(pair)
        return singles and sum(singles)

    def cells(self, pair):
        own = self.tcp(pair, OWN)
        yardsticks = (self.better(pair), self.tcp(pair, RAW), self.sum(pair))
        return [*map(number, (*(self.tcp(pair, column) for column in ALONE), self.sum(pair),
                              self.tcp(pair, RAW), self.tcp(pair, "openvpn"), own)),
                *(percent(ratio(own, yardstick)) for yardstick in yardsticks),
                *(number(self.median((pair, key), OWN))
                  for key in ("udp", "udp-lost", "udp-reordered"))]

    def text(self, pairs):
        """The table. `pairs`: numbers and names."""
        return "\n".join(aligned([*HEAD, *([pair, name, *self.cells(pair)]
                                           for pair, name in pairs.items())], WIDTHS))


def percent(share):
    return "-" if share is None else f"{100 * share:.0f}"


def targets(pairs):
    """Those of these pairs."""
    return [target for pair, name in pairs.items() for target in pair_targets(pair, name)]


def pair_targets(pair, name):
    title = f"{pair}, {name}"
    return [
        Target(f"{title}: goodput of the better line's alone",
               lambda figures: ratio(figures.tcp(pair, OWN), figures.better(pair)), least=SAME),
        Target(f"{title}: goodput of plain MPTCP's",
               lambda figures: ratio(figures.tcp(pair, OWN), figures.tcp(pair, RAW)),
               least=LEAST_OF_RAW),
        Target(f"{title}: UDP at {100 * UDP_SHARE:.0f} % of the sum, % lost",
               lambda figures: figures.median((pair, "udp-lost"), OWN), most=MOST_UDP_LOSS),
        Target(f"{title}: UDP, % out of order in all runs",
               lambda figures: figures.total((pair, "udp-reordered"), OWN), most=0),
    ]
