#!/usr/bin/python3
"""The parts of `bench profile` that need neither perf nor a lab."""

import unittest
from collections import Counter

from profile_shares import place_of, stacks, table

SCRIPT = """
 4711
\tffffffff81d335f7 memcpy ([kernel.kallsyms])
\tffffffff816b82eb tun_do_read ([kernel.kallsyms])
\tffffffff816b8f46 ksys_read ([kernel.kallsyms])
\tffffffff821ecc51 do_syscall_64 ([kernel.kallsyms])
\t           f82ad read (/usr/lib/x86_64-linux-gnu/libc.so.6)

 4712
\t           34c20 braid::(anonymous namespace)::read_ports(braid::Info&) (/usr/sbin/braid-client)
\t    7f8a6119747c [unknown] ([unknown])

"""
KERNEL = "[kernel.kallsyms]"


class Stacks(unittest.TestCase):
    def test_each_has_its_process_and_its_frames(self):
        (reader, frames), (parser, _) = stacks(SCRIPT)
        self.assertEqual((reader, parser), (4711, 4712))
        self.assertEqual(frames[0], ("memcpy", KERNEL))
        self.assertEqual(len(frames), 5)

    def test_nothing_yields_nothing(self):
        self.assertEqual(list(stacks("")), [])


class Places(unittest.TestCase):
    def place(self, *frames):
        return place_of(list(frames))

    def test_the_kernel_is_told_by_system_call(self):
        self.assertEqual([place_of(frames) for _, frames in stacks(SCRIPT)],
                         [("system calls", "read, of the TUN"), ("user space", "braid::read_ports")])
        for symbol, name in (("__x64_sys_sendto", "send, to the peer"),
                             ("__arm64_sys_recvfrom", "recv, from the peer"),
                             ("do_writev", "writev, to the TUN"), ("__x64_sys_futex", "futex")):
            self.assertEqual(self.place(("x", KERNEL), (symbol, KERNEL)), ("system calls", name))

    def test_the_way_into_the_kernel_and_back_is_one_place(self):
        crossing = ("system calls", "entry and exit; interrupts")
        self.assertEqual(self.place(("sysvec_apic_timer_interrupt", KERNEL)), crossing)
        for symbol in ("read", "__GI___writev", "__libc_recv", "epoll_wait"):
            self.assertEqual(self.place((symbol, "/usr/lib/libc.so.6")), crossing)
        self.assertEqual(self.place(("readdir", "/usr/lib/libc.so.6")), ("user space", "libc"))

    def test_user_space_is_told_by_function_or_library(self):
        for symbol, binary, place in (
                ("[unknown]", "/usr/lib/libcrypto.so.3", ("cipher", "")),
                ("crypto_aead_x", "/usr/lib/libsodium.so.23", ("cipher", "")),
                ("__memmove_avx_unaligned_erms", "/usr/lib/libc.so.6", ("user space", "memcpy")),
                ("uv_run", "/usr/lib/libuv.so.1.0.0", ("user space", "libuv")),
                ("std::vector<int>::push_back(int)", "/usr/sbin/braid-server",
                 ("user space", "std::vector"))):
            self.assertEqual(self.place((symbol, binary)), place)


class TheTable(unittest.TestCase):
    def test_rows_are_shares_with_the_largest_first(self):
        cipher, send, small = ("cipher", ""), ("system calls", "send"), ("system calls", "futex")
        text = table({"client": Counter({cipher: 595, send: 400, small: 5}),
                      "server": Counter({cipher: 1000})})
        rows = [line.split() for line in text.splitlines()]
        self.assertEqual(rows, [["client", "server"], ["cipher", "59.5%", "100.0%"],
                                ["system", "calls", "40.5%", "0.0%"], ["send", "40.0%", "0.0%"],
                                ["the", "rest", "0.5%", "0.0%"]])

    def test_no_samples_are_no_shares(self):
        self.assertIn("client", table({"client": Counter()}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
