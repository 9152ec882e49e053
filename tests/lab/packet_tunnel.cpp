// packet_tunnel: a tunnel that reads, seals and writes each packet by itself, as simple VPNs over
// TCP do. What braid's batching is compared to; with braid's means otherwise: MPTCP and cipher.

#include "common/crypto/aead_makers.hpp"
#include "common/crypto/keys.hpp"
#include "common/crypto/record.hpp"
#include "common/crypto/unit.hpp"
#include "tests/lab/fd.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace braid;
using lab::checked_fd;
using lab::Fd;
using lab::throw_errno;

constexpr auto usage = "usage: packet_tunnel DEVICE listen|connect ADDRESS PORT";
constexpr std::size_t largest_packet = 65535, receive_size = std::size_t{256} * 1024;

/// One for each direction. Both ends and everybody know them: a lab's.
Secret<32> key_of(bool from_client)
{
    std::array<std::byte, 32> bytes{};
    bytes.fill(std::byte{from_client});
    return Secret<32>{bytes};
}

Fd open_tun(std::string_view name)
{
    Fd tun = checked_fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC), "open /dev/net/tun");
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(tun.get(), TUNSETIFF, &request) < 0) throw_errno("TUNSETIFF");
    return tun;
}

/// The connection to the other end, which comes up first where it listens.
Fd open_connection(bool client, const char* host, const char* port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
    if (::inet_pton(AF_INET, host, &address.sin_addr) != 1) throw std::invalid_argument{usage};
    sockaddr plain{};
    std::memcpy(&plain, &address, sizeof plain);
    Fd fd = checked_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), "socket");
    if (client) {
        if (::connect(fd.get(), &plain, sizeof plain) < 0) throw_errno("connect");
    } else {
        if (::bind(fd.get(), &plain, sizeof plain) < 0) throw_errno("bind");
        if (::listen(fd.get(), 1) < 0) throw_errno("listen");
        std::puts("listening");
        std::fflush(stdout);
        fd = checked_fd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
    }
    const int on = 1;
    if (::setsockopt(fd.get(), SOL_TCP, TCP_NODELAY, &on, sizeof on) < 0) throw_errno("setsockopt");
    return fd;
}

void write_all(const Fd& fd, Bytes rest)
{
    while (!rest.empty()) {
        const auto written = ::write(fd.get(), rest.data(), rest.size());
        if (written < 0) throw_errno("write");
        rest = rest.subspan(static_cast<std::size_t>(written));
    }
}

/// Each packet of the host becomes a record and a write of its own.
void carry_out(const Fd& tun, const Fd& connection, RecordSealer sealer)
{
    std::vector<std::byte> record(largest_packet + sealer.overhead());
    const auto place = MutBytes{record}.subspan(unit_header_size);
    for (;;) {
        const auto size = ::read(tun.get(), place.data(), largest_packet);
        if (size < 0) throw_errno("read from the TUN");
        if (sealer.should_rekey()) sealer.rekey();
        const std::array<Bytes, 1> packet{place.first(static_cast<std::size_t>(size))};
        write_all(connection, Bytes{record}.first(sealer.seal(packet, record).value()));
    }
}

/// The same back: a packet is a write to the TUN.
void carry_in(const Fd& tun, const Fd& connection, RecordOpener opener)
{
    std::vector<std::byte> buffer(receive_size);
    std::size_t filled = 0;
    for (;;) {
        const auto free = MutBytes{buffer}.subspan(filled);
        const auto size = ::read(connection.get(), free.data(), free.size());
        if (size <= 0) throw_errno("read from the peer");
        filled += static_cast<std::size_t>(size);
        MutBytes rest = MutBytes{buffer}.first(filled);
        for (auto unit = next_unit(rest).value(); unit && unit->size <= rest.size();
             unit = next_unit(rest).value()) {
            const auto packet = opener.open(rest.first(unit->size)).value();
            // A TUN that is down takes nothing.
            static_cast<void>(!::write(tun.get(), packet.data(), packet.size()));
            rest = rest.subspan(unit->size);
        }
        std::memmove(buffer.data(), rest.data(), rest.size());
        filled = rest.size();
    }
}

void run(std::span<char*> words)
{
    const std::string_view verb = words.size() == 4 ? words[1] : "";
    const bool client = verb == "connect";
    if (!client && verb != "listen") throw std::invalid_argument{usage};
    if (!crypto::init()) throw std::runtime_error{"libsodium"};
    const Cipher cipher = *choose_cipher(CipherSet::supported(), CipherSet::supported());
    const AeadMaker maker = AeadMakers::measured().of(cipher); // both as braid chooses them
    const Fd tun = open_tun(words[0]);
    const Fd connection = open_connection(client, words[2], words[3]);
    std::printf("up: %s by %s\n", std::string{name(cipher)}.c_str(), library_of(maker).c_str());
    std::fflush(stdout);
    // What a thread throws ends the program, with the reason.
    std::jthread out{[&] { carry_out(tun, connection, {cipher, key_of(client), {}, maker}); }};
    carry_in(tun, connection, {cipher, key_of(!client), {}, maker});
}

} // namespace

int main(int argc, char** argv)
{
    try {
        run(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "packet_tunnel: %s\n", error.what());
    }
    std::_Exit(1); // the other thread may wait in a system call
}
