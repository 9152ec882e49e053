#!/usr/bin/python3
"""Measures a network with real traffic. Each command prints one line of JSON at its end.

Exit status: 0, or 1 when the report has an `error` or the content was wrong.
"""

import argparse
import json
import re
import sys

from traffic_bulk import download, tcp_server, upload
from traffic_stream import ping, tcp_stream, udp_echo_server, udp_stream
from traffic_twoway import twoway, twoway_server


def duration_s(text):
    """'10ms', '500us', '2s' or a plain number of seconds."""
    match = re.fullmatch(r"([\d.]+)(us|ms|s|)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"not a duration: {text}")
    return float(match[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1, "": 1}[match[2]]


def positive_s(text):
    value = duration_s(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above zero")
    return value


def size_bytes(text):
    """'1000', '64k', '20M': decimal multiples."""
    match = re.fullmatch(r"(\d+)(k|M|G|)", text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"not a number of bytes: {text}")
    return int(match[1]) * {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}[match[2]]


def add_congestion(parser):
    parser.add_argument("--congestion", default="cubic", metavar="NAME",
                        help="congestion control of what this end sends (default %(default)s)")


def add_target(parser, timeout_s=30):
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--device", help="leave by this interface")
    parser.add_argument("--mptcp", action="store_true", help="over an MPTCP socket")
    add_congestion(parser)
    parser.add_argument("--timeout", type=positive_s, default=timeout_s,
                        help="give up when nothing moves for so long (default %(default)s s)")


def add_bulk(parser):
    add_target(parser)
    parser.add_argument("bytes", type=size_bytes, nargs="?", help="such as 20M")
    parser.add_argument("--seconds", type=positive_s, help="for so long, instead of BYTES")
    parser.add_argument("--seed", type=int, default=1, help="of the content")
    parser.add_argument("--progress", metavar="FILE",
                        help="write a line of JSON per 100 ms with the bytes so far")


def add_real_time(parser):
    parser.add_argument("--real-time", action="store_true",
                        help="at real-time priority, where that is permitted")


def add_dscp(parser):
    parser.add_argument("--dscp", type=int, choices=range(64), default=0, metavar="0..63",
                        help="code point of what this end sends, such as 46 (EF)")


def add_stream(parser, size):
    parser.add_argument("--interval", type=positive_s, default=0.01, help="such as 10ms")
    parser.add_argument("--size", type=size_bytes, default=size, help="bytes of a message")
    parser.add_argument("--record", metavar="FILE",
                        help="write a line for each arrival: number, sent, received, seen by the "
                             "echo server (ns)")
    add_real_time(parser)


def add_twoway(commands):
    client = commands.add_parser("twoway", help="small messages both ways until it is killed")
    add_target(client)
    server = commands.add_parser("twoway-server", help="the other end of twoway")
    server.add_argument("port", type=int)
    server.add_argument("--mptcp", action="store_true", help="accept MPTCP too")
    for end, function in ((client, twoway), (server, twoway_server)):
        end.add_argument("folder", help="where the times of arrivals go")
        end.add_argument("--interval", type=positive_s, default=0.01, help="such as 10ms")
        end.set_defaults(function=function)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("tcp-server", help="serve downloads, uploads and echo over TCP")
    server.add_argument("port", type=int)
    server.add_argument("--mptcp", action="store_true", help="accept MPTCP too")
    add_congestion(server)
    server.set_defaults(function=tcp_server)
    echo = commands.add_parser("udp-echo-server", help="echo datagrams")
    echo.add_argument("port", type=int)
    add_dscp(echo)
    add_real_time(echo)
    echo.set_defaults(function=udp_echo_server)
    for name, function in (("download", download), ("upload", upload)):
        bulk = commands.add_parser(name, help=f"{name} from or to tcp-server, with SHA-256")
        add_bulk(bulk)
        bulk.set_defaults(function=function)
    for name, function, size in (("udp-stream", udp_stream, 172), ("tcp-stream", tcp_stream, 64)):
        stream = commands.add_parser(name, help="regular small messages, echoed by the server")
        add_target(stream)
        add_stream(stream, size)
        stream.add_argument("--seconds", type=positive_s, default=5.0)
        add_dscp(stream)
        stream.set_defaults(function=function)
    pinger = commands.add_parser("ping", help="ICMP echo")
    pinger.add_argument("host")
    pinger.add_argument("--count", type=int, default=5)
    pinger.add_argument("--device", help="leave by this interface")
    add_stream(pinger, 56)
    pinger.set_defaults(function=ping, interval=0.2)

    add_twoway(commands)

    options = parser.parse_args()
    if options.command in ("download", "upload") and bool(options.bytes) == bool(options.seconds):
        parser.error("give either BYTES or --seconds")
    return options


def main():
    options = parse()
    try:
        report = options.function(options)
    except OSError as error:
        report = {"error": str(error)}
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report), flush=True)
    return 0 if "error" not in report and report.get("sha256_ok", True) else 1


if __name__ == "__main__":
    sys.exit(main())
