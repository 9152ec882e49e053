"""What perf's samples say: of each stack where the time went, and shares of that. PURE."""

import re

WIDTH = 46
LEAST_SHARE = 0.01  # of a row; what has less is in "the rest" of its kind
CALLS = {"sendto": "send, to the peer", "recvfrom": "recv, from the peer",
         "read": "read, of the TUN", "writev": "writev, to the TUN",
         "getsockopt": "getsockopt, of gate and guard"}
SYSTEM_CALL = re.compile(r"(?:__(?:x64|arm64)_sys_|ksys_|do_(?=writev))(\w+)$")
# Time at the very end of a system call is told of the function in libc that made it.
CALLER = re.compile(r"(?:_|GI|libc)*(?:read|writev|send|recv|epoll_wait|getsockopt|ioctl)$")
CROSSING = "system calls", "entry and exit; interrupts"
FRAME = re.compile(r"\s+[0-9a-f]+ (.+) \((.*)\)$")
MOVES = re.compile(r"_?_?mem(cpy|move)")


def stacks(text):
    """From `perf script -F pid,ip,sym,dso`: (pid, [(symbol, object), ...]), the innermost first."""
    for block in text.split("\n\n"):
        head, *rest = block.strip("\n").splitlines() or [""]
        frames = [match.groups() for match in map(FRAME.match, rest) if match]
        if head.strip().isdigit() and frames:
            yield int(head), frames


def place_of(frames):
    """The kind and the name of where a stack was."""
    symbol, binary = frames[0]
    if "kernel" in binary:
        for name, _ in frames:
            if match := SYSTEM_CALL.match(name):
                return "system calls", CALLS.get(match[1], match[1])
        return CROSSING
    if re.search("libcrypto|libsodium", binary):
        return "cipher", ""
    if MOVES.match(symbol):
        return "user space", "memcpy"
    library = binary.rpartition("/")[2].partition(".so")[0]
    if library == "libc" and CALLER.match(symbol):
        return CROSSING
    if not library.startswith("braid"):
        return "user space", library
    return "user space", re.split(r"[(<]", symbol.replace("(anonymous namespace)::", ""))[0]


def table(shares):
    """`shares`: role -> Counter of places. A row for each place, the largest first."""
    sums = {role: sum(counter.values()) or 1 for role, counter in shares.items()}

    def parts(places):
        return [sum(shares[role][each] for each in places) / sums[role] for role in shares]

    def row(title, places):
        return f"{title:<{WIDTH}}" + "".join(f"{100 * part:9.1f}%" for part in parts(places))

    def by_size(groups):
        return sorted(groups, key=lambda places: (-sum(parts(places)), places))

    lines = [" " * WIDTH + "".join(f"{role:>10}" for role in shares)]
    known = sorted(set().union(*shares.values()))
    for places in by_size([[each for each in known if each[0] == kind]
                           for kind in {kind for kind, _ in known}]):
        lines.append(row(places[0][0], places))
        large = [each for each in places if each[1] and max(parts([each])) >= LEAST_SHARE]
        lines += [row("    " + each[1], [each]) for [each] in by_size([[each] for each in large])]
        rest = [each for each in places if each not in large]
        if large and rest:
            lines.append(row("    the rest", rest))
    return "\n".join(lines)
