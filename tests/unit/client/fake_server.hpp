/// A server that treats every client alike, for tests of what a client does then.
#pragma once

#include "client/opening.hpp"
#include "common/sys/mptcp.hpp"
#include "tests/unit/netns.hpp"

#include <array>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <sys/socket.h>
#include <vector>

namespace braid::test {

struct Keys {
    PrivateKey client = PrivateKey::generate();
    PrivateKey server = PrivateKey::generate();
    PresharedKey psk = PresharedKey::generate();
};

/// How a server answers a hello.
enum class Manner {
    welcome,     ///< with its hello and five bytes behind it
    refuse,      ///< with the unit that says so
    refuse_join, ///< the same to a lane join
    hang_up,     ///< by closing
    keep_mum,    ///< not at all
    wrong_psk    ///< with a hello made with another key
};

/// Listens on one endpoint and treats everyone alike.
class FakeServer {
public:
    FakeServer(Loop& loop, const Keys& keys, Manner manner, const Endpoint& local)
        : loop_(loop),
          keys_(keys),
          manner_(manner),
          listener_(mptcp::listen(local).value()),
          watch_(loop, listener_.get(), [this](Interest) { accept(); })
    {
        watch_.want({.readable = true});
    }
    [[nodiscard]] std::size_t visits() const { return visits_.size(); }

private:
    struct Visit {
        Fd fd;
        std::optional<FdWatch> watch;
    };

    void accept()
    {
        auto accepted = mptcp::accept(listener_.get()).value();
        if (!accepted) return;
        visits_.push_back(std::make_unique<Visit>(Visit{std::move(accepted->fd), std::nullopt}));
        Visit& visit = *visits_.back();
        visit.watch.emplace(loop_, visit.fd.get(), [this, &visit](Interest) { answer(visit); });
        visit.watch->want({.readable = true});
    }
    void answer(Visit& visit)
    {
        std::array<std::byte, client_hello_size> hello{};
        const auto size = ::recv(visit.fd.get(), hello.data(), hello.size(), 0);
        if (size <= 0) return visit.watch->want({});
        CHECK(size == (manner_ == Manner::refuse_join ? lane_join_size : client_hello_size));
        const auto reply = reply_to(hello);
        CHECK(::send(visit.fd.get(), reply.data(), reply.size(), MSG_NOSIGNAL) ==
              static_cast<ssize_t>(reply.size()));
        if (manner_ != Manner::hang_up) return;
        visit.watch.reset();
        visit.fd.reset();
    }
    [[nodiscard]] std::vector<std::byte> reply_to(Bytes hello) const
    {
        if (manner_ == Manner::hang_up || manner_ == Manner::keep_mum) return {};
        std::vector<std::byte> reply(unit_header_size);
        if (manner_ == Manner::refuse || manner_ == Manner::refuse_join) {
            write_unit_header(reply, UnitType::refused, 0);
            return reply;
        }
        ServerHandshake handshake{{.own = keys_.server}};
        const auto* psk = manner_ == Manner::welcome ? &keys_.psk : &PresharedKey::none();
        REQUIRE(handshake.on_hello(hello, [&](const PublicKey&) { return psk; }));
        reply.resize(server_hello_size);
        REQUIRE(handshake.reply(reply));
        for (const char each : {'e', 'x', 't', 'r', 'a'})
            reply.push_back(static_cast<std::byte>(each));
        return reply;
    }

    Loop& loop_;
    const Keys& keys_;
    Manner manner_;
    Fd listener_;
    FdWatch watch_;
    std::vector<std::unique_ptr<Visit>> visits_;
};

} // namespace braid::test
