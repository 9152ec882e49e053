// datagram_meter: numbered datagrams at a steady rate, and what of them arrives. See the usage.

#include "tests/lab/fd.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
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
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace {

using braid::lab::checked_fd;
using braid::lab::Fd;
using braid::lab::throw_errno;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;
using std::chrono::microseconds;

constexpr auto usage = R"(usage: datagram_meter receive PORT [FIRST]
       datagram_meter send ADDRESS PORT SIZE RATE SECONDS

receive counts until SIGTERM, and then until nothing has come for 200 ms; only datagrams from
number FIRST on (0). RATE is datagrams a second, SIZE bytes of payload, ADDRESS IPv4. Each prints
one line of JSON at its end:
  send      sent, seconds
  receive   received, reordered (behind a later number), seconds (from the first to the last)
)";

constexpr std::size_t most_in_burst = 32, largest = 65536, least_size = sizeof(std::uint64_t);
constexpr Seconds burst_time = microseconds{100}; ///< a burst is what is due in it
constexpr std::size_t late_bursts = 4; ///< so many may be made up for; time beyond that is lost
constexpr int receive_buffer = 16 << 20;
constexpr timeval idle{.tv_sec = 0, .tv_usec = 200'000};

volatile std::sig_atomic_t stopping = 0;

/// Messages for one sendmmsg or recvmmsg, each with a buffer of its own.
class Batch {
public:
    explicit Batch(std::size_t size) : bytes_(most_in_burst * size)
    {
        for (std::size_t i = 0; i < most_in_burst; ++i) {
            parts_[i] = {.iov_base = bytes_.data() + i * size, .iov_len = size};
            messages_[i].msg_hdr.msg_iov = &parts_[i];
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }
    [[nodiscard]] mmsghdr* messages() noexcept { return messages_.data(); }
    void number(std::size_t i, std::uint64_t value) noexcept
    {
        std::memcpy(parts_[i].iov_base, &value, sizeof value);
    }
    [[nodiscard]] std::uint64_t number(std::size_t i) const noexcept
    {
        std::uint64_t value = 0;
        std::memcpy(&value, parts_[i].iov_base, sizeof value);
        return value;
    }

private:
    std::vector<char> bytes_;
    std::array<iovec, most_in_burst> parts_{};
    std::array<mmsghdr, most_in_burst> messages_{};
};

template <typename Number>
Number parse(std::string_view text)
{
    Number value{};
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || rest != text.data() + text.size())
        throw std::invalid_argument{"not a number: " + std::string{text}};
    return value;
}

/// `attach`: bind or connect.
template <typename Attach>
Fd udp_socket(const sockaddr_in& address, Attach attach)
{
    Fd fd = checked_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr plain{};
    std::memcpy(&plain, &address, sizeof plain);
    if (attach(fd.get(), &plain, sizeof plain) < 0) throw_errno("bind or connect");
    return fd;
}

/// Sends what the socket takes. Refused by the other host: it is not there, which shows in what
/// arrives.
std::uint64_t send_burst(const Fd& fd, Batch& batch, std::uint64_t first, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) batch.number(i, first + i);
    const int sent = ::sendmmsg(fd.get(), batch.messages(), static_cast<unsigned>(count), 0);
    if (sent < 0 && errno != ECONNREFUSED && errno != ENOBUFS) throw_errno("sendmmsg");
    return sent < 0 ? 0 : static_cast<std::uint64_t>(sent);
}

void send(const sockaddr_in& to, std::size_t size, double rate, Seconds duration)
{
    const Fd fd = udp_socket(to, ::connect);
    ::prctl(PR_SET_TIMERSLACK, 1UL); // else each sleep is 50 us longer
    Batch batch{size};
    const auto due = static_cast<std::size_t>(rate * burst_time.count());
    const std::size_t burst = std::clamp<std::size_t>(due, 1, most_in_burst);
    const Seconds pause{static_cast<double>(burst) / rate};
    std::uint64_t sent = 0;
    const auto start = Clock::now();
    Seconds next{0}, now{0}; // since the start
    while (now < duration) {
        sent += send_burst(fd, batch, sent, burst);
        now = Clock::now() - start;
        next = std::max(next + pause, now - pause * late_bursts);
        if (next > now) std::this_thread::sleep_for(next - now);
        now = Clock::now() - start;
    }
    std::printf("{\"sent\": %llu, \"seconds\": %.6f}\n", static_cast<unsigned long long>(sent),
                now.count());
}

void receive(const sockaddr_in& at, std::uint64_t first_counted)
{
    const Fd fd = udp_socket(at, ::bind);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    std::signal(SIGTERM, [](int) { stopping = 1; });
    std::puts("listening");
    std::fflush(stdout);

    Batch batch{largest};
    unsigned long long received = 0, reordered = 0;
    std::uint64_t highest = 0;
    Clock::time_point first, last;
    for (;;) {
        const int count =
            ::recvmmsg(fd.get(), batch.messages(), most_in_burst, MSG_WAITFORONE, nullptr);
        if (count < 0 && errno == EAGAIN && stopping != 0) break;
        if (count < 0) continue;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            if (batch.number(i) < first_counted) continue;
            last = Clock::now();
            if (received++ == 0) first = last;
            if (batch.number(i) < highest) ++reordered;
            highest = std::max(highest, batch.number(i));
        }
    }
    std::printf("{\"received\": %llu, \"reordered\": %llu, \"seconds\": %.6f}\n", received,
                reordered, Seconds{last - first}.count());
}

void run(std::span<char*> words)
{
    const std::string_view verb = words.empty() ? "" : words[0];
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (verb == "receive" && (words.size() == 2 || words.size() == 3)) {
        address.sin_port = htons(parse<std::uint16_t>(words[1]));
        return receive(address, words.size() == 3 ? parse<std::uint64_t>(words[2]) : 0);
    }
    if (verb != "send" || words.size() != 6) throw std::invalid_argument{usage};
    if (::inet_pton(AF_INET, words[1], &address.sin_addr) != 1)
        throw std::invalid_argument{"no IPv4 address: " + std::string{words[1]}};
    address.sin_port = htons(parse<std::uint16_t>(words[2]));
    const auto size = parse<std::size_t>(words[3]);
    const auto rate = parse<double>(words[4]);
    if (size < least_size || size > largest || rate < 1)
        throw std::invalid_argument{"SIZE: 8 to 65536; RATE: at least 1"};
    send(address, size, rate, Seconds{parse<double>(words[5])});
}

} // namespace

int main(int argc, char** argv)
{
    try {
        run(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "datagram_meter: %s\n", error.what());
        return 1;
    }
}
