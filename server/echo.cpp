#include "server/echo.hpp"

#include "common/sys/udp.hpp"

#include <array>

namespace braid {

Status Echo::listen(const Endpoint& local)
{
    auto fd = udp::listen(local);
    if (!fd) {
        auto failed = fail(fd.error());
        failed.value().hint = "the server needs its port for UDP too, to answer the clients' "
                              "probes: `ss -ulnp` names who has it";
        return failed;
    }
    const int raw = fd->get();
    listening_.push_back(
        {std::move(*fd), FdWatch{loop_, raw, [this, raw](Interest) { answer_all(raw); }}});
    listening_.back().watch.want({.readable = true});
    return {};
}

void Echo::answer_all(int listener)
{
    std::array<std::byte, probe_size + 1> room{}; // so that a longer one is seen to be longer
    for (int i = 0; i < datagrams_per_turn; ++i) {
        const auto datagram = udp::receive(listener, room);
        if (!datagram || !*datagram) return;
        const auto echo = table_.answer((*datagram)->payload);
        ++(echo ? counters_.probes : counters_.foreign);
        // A client that gets no echo asks again: nothing is made of an error.
        if (echo) (void)udp::reply(listener, (*datagram)->passage, *echo);
    }
}

} // namespace braid
