#include "client/guard.hpp"

#include "common/crypto/keys.hpp"
#include "common/sys/mptcp.hpp"
#include "common/sys/udp.hpp"
#include "tests/unit/netns.hpp"
#include "tests/unit/session/lane_ends.hpp"

#include <array>
#include <doctest/doctest.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace braid {
namespace {

using test::address;
using test::endpoint;
using test::Inside;
using test::PrivateNetns;
using test::run;

const Endpoint server = endpoint("10.9.100.1:8684");
constexpr auto patience = 10s; ///< of what takes much less on a machine that is not busy

/// The server's side of probes, which may also answer what a stranger could.
class Responder {
public:
    enum class Answer { echo, nothing, the_probe, foreign_key, number_not_asked, cut_off };

    Responder(Loop& loop, const PrivateNetns& netns)
    {
        const Inside inside{netns};
        socket_ = udp::listen(server).value();
        watch_.emplace(loop, socket_.get(), [this](Interest) { answer_all(); });
        watch_->want({.readable = true});
    }

    Answer answer = Answer::echo;
    std::size_t probes = 0;
    /// The device on which probes came, by where they came from.
    std::multimap<std::string, int> devices;

private:
    void answer_all()
    {
        std::array<std::byte, 2 * probe_size> room{};
        for (auto got = udp::receive(socket_.get(), room); got && *got;
             got = udp::receive(socket_.get(), room)) {
            const udp::Datagram& datagram = **got;
            const auto probe = parse_probe(datagram.payload);
            REQUIRE(probe);
            CHECK(is_authentic(datagram.payload, keys_));
            ++probes;
            const auto* source = &datagram.passage.remote.sin6_addr.s6_addr[12]; // v4-mapped
            devices.emplace("10.9." + std::to_string(source[2]) + "." + std::to_string(source[3]),
                            static_cast<int>(datagram.passage.local.ipi6_ifindex));
            reply(*probe, datagram);
        }
    }
    void reply(Probe probe, const udp::Datagram& datagram)
    {
        if (answer == Answer::nothing) return;
        if (answer == Answer::the_probe) return send(datagram.passage, datagram.payload);
        probe.kind = ProbeKind::echo;
        if (answer == Answer::number_not_asked) probe.number += 1000;
        std::array<std::byte, probe_size> echo{};
        write_probe(probe, keys_, echo);
        if (answer == Answer::foreign_key) echo.back() ^= std::byte{1};
        send(datagram.passage,
             Bytes{echo}.first(answer == Answer::cut_off ? probe_size - 1 : probe_size));
    }
    void send(const udp::Passage& passage, Bytes bytes)
    {
        // A path that is cut takes none: that is a lost echo.
        (void)udp::reply(socket_.get(), passage, bytes);
    }

    ProbeKeys keys_ = ProbeKeys::of({});
    Fd socket_;
    std::optional<FdWatch> watch_;
};

struct Heard : Guard::Listener {
    void on_health_changed() override { ++changes; }
    void on_subflow_stuck(const std::string& interface) override { stuck.push_back(interface); }
    void on_ping_due() override {}
    void on_lane_frozen() override {}
    void on_round(TimePoint) override { ++rounds; }

    int changes = 0;
    int rounds = 0;
    std::vector<std::string> stuck;
};

/// A client with two uplinks to one server, a lane over the first, and a guard of both. The routes
/// of its host lead over the first only.
class Lab {
public:
    Lab()
    {
        REQUIRE(crypto::init());
        for (const std::string number : {"1", "2"}) {
            run("ip link add up" + number + " type veth peer name s" + number + " netns " +
                server_.path());
            run("ip address add 10.9." + number + ".2/24 dev up" + number);
            at_server("ip address add 10.9." + number + ".1/24 dev s" + number);
            at_server("ip link set s" + number + " up");
            run("ip link set up" + number + " up");
            run("ip route add default via 10.9." + number + ".1 metric " + number + "00");
        }
        at_server("ip address add 10.9.100.1/32 dev lo");
        responder.emplace(loop, server_);
        open_lane();
        traffic_.every(100ms);
        guard.watch({way(1), way(2)}, true);
    }

    void attach() { guard.attach(*lane_, ProbeKeys::of({})); }
    void at_server(const std::string& command) const
    {
        const Inside inside{server_};
        run(command);
    }
    /// Swallows all that comes to the server from one uplink, or no more.
    void cut(const std::string& number) const
    {
        at_server("nft 'table ip cut { chain c { type filter hook prerouting priority 0; "
                  "iifname \"s" +
                  number + "\" drop; }; }'");
    }
    void heal() const { at_server("nft delete table ip cut"); }
    [[nodiscard]] int device_of_server(const std::string& name) const
    {
        const Inside inside{server_};
        return test::index_of(name);
    }
    /// True when the uplinks come to have this health.
    [[nodiscard]] bool comes(Health first, Health second)
    {
        return test::runs_until(loop, patience, [&] {
            return guard.health("up1") == first && guard.health("up2") == second;
        });
    }
    void rest(Duration time)
    {
        (void)test::runs_until(loop, time, [] { return false; });
    }

private:
    static GuardedPath way(int number)
    {
        const std::string text = std::to_string(number);
        return {.interface = "up" + text,
                .index = test::index_of("up" + text),
                .local = address("10.9." + text + ".2"),
                .remote = server,
                .carrying = number == 1};
    }
    void open_lane()
    {
        {
            const Inside inside{server_};
            listener_ = mptcp::listen(server).value();
        }
        auto fd = mptcp::connect({.interface = "up1", .remote = server}).value();
        REQUIRE(test::runs_until(loop, patience, [&] {
            auto accepted = mptcp::accept(listener_.get());
            if (accepted && *accepted) peer_ = std::move((*accepted)->fd);
            return static_cast<bool>(peer_);
        }));
        lane_.emplace(loop, std::move(fd), test::keys_here(), Bytes{}, recorder_);
    }

    PrivateNetns server_;
    PrivateNetns client_;
    Inside inside_{client_};

public:
    Loop loop;
    std::optional<Responder> responder;
    Heard heard;

private:
    Fd listener_;
    Fd peer_;
    test::Recorder recorder_;
    std::optional<Lane> lane_;

public:
    Guard guard{loop, heard};

private:
    Timer traffic_{loop, [this] { guard.wake(); }};
};

} // namespace

TEST_CASE("uplinks whose probes come back are good, and their round trip is known")
{
    Lab lab;
    CHECK(lab.guard.health("up2") == Health::unknown);
    lab.attach();
    REQUIRE(lab.comes(Health::good, Health::good));
    CHECK(lab.heard.changes > 0);
    REQUIRE(
        test::runs_until(lab.loop, patience, [&] { return lab.guard.path("up1")->probes_pass(); }));
    for (const auto* each : {"up1", "up2"}) {
        CAPTURE(each);
        CHECK(lab.guard.path(each)->probes_pass());
        CHECK(lab.guard.path(each)->rtt() > 0ms);
        CHECK(lab.guard.path(each)->rtt() < 1s);
    }
    CHECK(lab.guard.path("up3") == nullptr);
    CHECK(lab.heard.stuck.empty());
}

TEST_CASE("a path that swallows all is lost, the other stays good, and it comes back")
{
    Lab lab;
    lab.attach();
    REQUIRE(lab.comes(Health::good, Health::good));
    REQUIRE(
        test::runs_until(lab.loop, patience, [&] { return lab.guard.path("up1")->probes_pass(); }));
    const int before = lab.heard.changes;
    lab.cut("1");
    CHECK(lab.comes(Health::lost, Health::good));
    CHECK(lab.heard.changes > before);
    const int lost = lab.heard.changes;
    lab.heal();
    CHECK(lab.comes(Health::good, Health::good));
    CHECK(lab.heard.changes > lost);
}

TEST_CASE("a path is lost too when the other end's interface goes down")
{
    Lab lab;
    lab.attach();
    REQUIRE(lab.comes(Health::good, Health::good));
    lab.at_server("ip link set s2 down");
    CHECK(lab.comes(Health::good, Health::lost));
}

TEST_CASE("probes leave by their uplink's device, whatever the routes say")
{
    Lab lab;
    lab.attach();
    REQUIRE(test::runs_until(lab.loop, patience, [&] {
        return lab.responder->devices.count("10.9.1.2") >= 3 &&
               lab.responder->devices.count("10.9.2.2") >= 3;
    }));
    const int first = lab.device_of_server("s1");
    const int second = lab.device_of_server("s2");
    for (const auto& sent : lab.responder->devices) {
        const std::string& source = sent.first;
        CAPTURE(source);
        CHECK(sent.second == (source == "10.9.1.2" ? first : second));
    }
}

TEST_CASE("a guard without a lane, or one that is switched off, sends and tells nothing")
{
    Lab lab;
    lab.attach();
    REQUIRE(lab.comes(Health::good, Health::good));
    SUBCASE("detached")
    {
        lab.guard.detach();
        CHECK(lab.guard.health("up1") == Health::good); // what is known is kept
    }
    SUBCASE("switched off")
    {
        lab.guard.enable(false);
        CHECK(lab.guard.health("up1") == Health::unknown);
    }
    lab.rest(100ms); // for what is on its way
    const auto probes = lab.responder->probes;
    const int rounds = lab.heard.rounds;
    const int changes = lab.heard.changes;
    lab.rest(500ms);
    CHECK(lab.responder->probes == probes);
    CHECK(lab.heard.rounds == rounds);
    CHECK(lab.heard.changes == changes);
}

TEST_CASE("datagrams that are no echoes of ours tell nothing of a path")
{
    using enum Responder::Answer;
    for (const auto answer : {nothing, the_probe, foreign_key, number_not_asked, cut_off}) {
        CAPTURE(static_cast<int>(answer));
        Lab lab;
        lab.responder->answer = answer;
        lab.attach();
        REQUIRE(test::runs_until(lab.loop, patience,
                                 [&] { return lab.responder->devices.count("10.9.2.2") >= 3; }));
        lab.rest(50ms);
        CHECK(lab.guard.health("up2") == Health::unknown);
        CHECK_FALSE(lab.guard.path("up1")->probes_pass());
        lab.responder->answer = echo;
        CHECK(lab.comes(Health::good, Health::good));
    }
}

} // namespace braid
