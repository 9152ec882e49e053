#include "client/path_driver.hpp"

#include "common/sys/sysctl.hpp"
#include "tests/unit/netns.hpp"

#include <array>
#include <doctest/doctest.h>
#include <sys/socket.h>

namespace braid {
namespace {

using test::address;
using test::endpoint;
using test::Inside;
using test::run;

/// A client with two uplinks to one server, each of the two in a network namespace of its own,
/// and a connection over the first uplink.
class Lab {
public:
    Lab()
    {
        const Inside inside{client_};
        for (const std::string number : {"1", "2"}) {
            run("ip link add up" + number + " type veth peer name s" + number + " netns " +
                server_.path());
            run("ip address add 10.9." + number + ".2/24 dev up" + number);
        }
        {
            const Inside at_server{server_};
            for (const std::string number : {"1", "2"}) {
                run("ip address add 10.9." + number + ".1/24 dev s" + number);
                run("ip link set s" + number + " up");
            }
            run("ip address add 10.9.100.1/32 dev lo");
            run("ip mptcp limits set subflows 8");
            listener_ = mptcp::listen({Address::any(Family::v6), 8684}).value();
        }
        up("1", 100);
        up("2", 200);
        pm_.emplace(MptcpPm::open().value());
        watch_.emplace(loop_, pm_->events_fd(), [this](Interest) {
            (void)pm_->receive([this](const MptcpEvent& event) { on_event_(event); });
        });
        watch_->want({.readable = true});
        fd_ = mptcp::connect({.interface = "up1", .remote = remote}).value();
        REQUIRE(test::runs_until(loop_, 2s, [&] { return accept(); }));
        REQUIRE(flows());
        driver_.emplace(loop_, *pm_, fd_.get(), mptcp::token(fd_.get()).value(),
                        mptcp::subflows(fd_.get()).value().at(0).local, false);
        on_event_ = [this](const MptcpEvent& event) { driver_->on_event(event); };
    }

    static inline const Endpoint remote = endpoint("10.9.100.1:8684");

    /// Uplink `number` as wanted.
    [[nodiscard]] WantedSubflow wanted(int number, bool backup = false) const
    {
        const Inside inside{client_};
        const std::string text = std::to_string(number);
        return {.interface = "up" + text,
                .index = test::index_of("up" + text),
                .local = address("10.9." + text + ".2"),
                .remote = remote,
                .backup = backup};
    }
    void update(std::vector<WantedSubflow> plan) { driver_->update(std::move(plan)); }

    /// In the client's namespace.
    void shell(const std::string& command) const
    {
        const Inside inside{client_};
        run(command);
    }
    void server_shell(const std::string& command) const
    {
        const Inside inside{server_};
        run(command);
    }
    [[nodiscard]] std::string server_path() const { return server_.path(); }
    void up(const std::string& number, int metric) const
    {
        shell("ip link set up" + number + " up; ip route replace default via 10.9." + number +
              ".1 dev up" + number + " metric " + std::to_string(metric));
    }

    /// "up1 up2*": uplinks with an established subflow, those on stand-by with a star.
    [[nodiscard]] std::string living() const
    {
        RankedUplink one{{.interface = "up1", .addresses = {address("10.9.1.2")}}, {}};
        RankedUplink two{{.interface = "up2", .addresses = {address("10.9.2.2")}}, {}};
        std::string text;
        for (const auto& [interface, subflow] : driver_->subflows({two, one}))
            text += (text.empty() ? "" : " ") + interface + (subflow.backup ? "*" : "");
        return text;
    }
    [[nodiscard]] bool comes(const std::string& wanted_living, Duration time = 3s)
    {
        return test::runs_until(loop_, time, [&] { return living() == wanted_living; });
    }
    /// True when both ends have that many established subflows.
    [[nodiscard]] bool both_have(std::size_t count)
    {
        return test::runs_until(loop_, 3s, [&] {
            return established(fd_.get()) == count && established(peer_.get()) == count;
        });
    }

    /// True when a message of each side comes to the other within the time.
    [[nodiscard]] bool flows(Duration time = 2s)
    {
        return crosses(fd_.get(), peer_.get(), time) && crosses(peer_.get(), fd_.get(), time);
    }
    /// Bytes that left by an uplink, by its own count.
    [[nodiscard]] std::uint64_t sent_over(const std::string& interface) const
    {
        const Inside inside{client_};
        return std::stoull(test::output_of("ip -s -o link show dev " + interface +
                                           " | sed 's/.*TX:[^\\\\]*\\\\ *\\([0-9]*\\).*/\\1/'"));
    }
    void send_burst()
    {
        constexpr std::array<std::byte, 100000> burst{};
        REQUIRE(::send(fd_.get(), burst.data(), burst.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(burst.size()));
        std::size_t left = burst.size();
        REQUIRE(test::runs_until(loop_, 2s, [&] {
            left -= receive(peer_.get());
            return left == 0;
        }));
    }
    [[nodiscard]] bool stays_at(const std::string& wanted_living, Duration time)
    {
        return !test::runs_until(loop_, time, [&] { return living() != wanted_living; });
    }

private:
    bool accept()
    {
        auto accepted = mptcp::accept(listener_.get());
        if (accepted && *accepted) peer_ = std::move((*accepted)->fd);
        return static_cast<bool>(peer_);
    }
    static std::size_t established(int fd)
    {
        std::size_t count = 0;
        for (const auto& subflow : mptcp::subflows(fd).value_or(std::vector<mptcp::Subflow>{}))
            count += subflow.tcp_state == 1 ? 1 : 0;
        return count;
    }
    static std::size_t receive(int fd)
    {
        std::array<std::byte, 65536> buffer;
        const auto size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        return size > 0 ? static_cast<std::size_t>(size) : 0;
    }
    bool crosses(int from, int to, Duration time)
    {
        REQUIRE(::send(from, "hello", 5, MSG_NOSIGNAL) == 5);
        std::size_t left = 5;
        return test::runs_until(loop_, time, [&] {
            left -= receive(to);
            return left == 0;
        });
    }

    test::PrivateNetns server_;
    test::PrivateNetns client_;
    Loop loop_;
    Fd listener_;
    Fd peer_;
    std::optional<MptcpPm> pm_;
    std::function<void(const MptcpEvent&)> on_event_ = [](const MptcpEvent&) {};
    std::optional<FdWatch> watch_;
    Fd fd_;
    std::optional<PathDriver> driver_;
};

/// A lab with a subflow over each uplink.
class LabOfTwo : public Lab {
public:
    LabOfTwo()
    {
        update({wanted(1), wanted(2)});
        REQUIRE(comes("up1 up2"));
        REQUIRE(both_have(2));
    }
};

} // namespace

TEST_CASE("each wanted uplink gets a subflow, and it leaves by that uplink")
{
    LabOfTwo lab;
    const auto before = lab.sent_over("up2");
    lab.update({lab.wanted(1, true), lab.wanted(2)});
    lab.send_burst();
    CHECK(lab.sent_over("up2") - before > 100000);
}

TEST_CASE("data flows on when an uplink goes down, and its subflow comes back with it")
{
    LabOfTwo lab;
    for (const int number : {1, 2, 1}) {
        const std::string text = std::to_string(number);
        const int other = 3 - number;
        CAPTURE(number);
        lab.shell("ip link set up" + text + " down");
        lab.update({lab.wanted(other)});
        CHECK(lab.flows(250ms));
        CHECK(lab.comes("up" + std::to_string(other)));
        CHECK(lab.both_have(1));

        lab.up(text, number * 100);
        lab.update({lab.wanted(1), lab.wanted(2)});
        CHECK(lab.comes(number == 1 ? "up2 up1" : "up1 up2", 1s));
        CHECK(lab.both_have(2));
        CHECK(lab.flows(250ms));
        if (number == 1) lab.update({lab.wanted(2), lab.wanted(1)});
    }
}

TEST_CASE("backup flags are set and cleared on the first subflow and on others")
{
    LabOfTwo lab;
    lab.update({lab.wanted(1, true), lab.wanted(2)});
    CHECK(lab.living() == "up1* up2");
    auto before = lab.sent_over("up1");
    lab.send_burst();
    CHECK(lab.sent_over("up1") - before < 20000);

    lab.update({lab.wanted(1), lab.wanted(2, true)});
    CHECK(lab.living() == "up1 up2*");
    before = lab.sent_over("up2");
    lab.send_burst();
    CHECK(lab.sent_over("up2") - before < 20000);
}

TEST_CASE("a subflow created as backup carries nothing until the other is cut")
{
    Lab lab;
    lab.update({lab.wanted(1), lab.wanted(2, true)});
    REQUIRE(lab.comes("up1 up2*"));
    const auto before = lab.sent_over("up2");
    lab.send_burst();
    CHECK(lab.sent_over("up2") - before < 20000);
    lab.shell("ip link set up1 down");
    lab.update({lab.wanted(2, true)});
    CHECK(lab.flows(250ms));
    CHECK(lab.comes("up2*"));
}

TEST_CASE("a subflow that the server resets comes back by itself")
{
    LabOfTwo lab;
    SUBCASE("one that was added")
    {
        lab.server_shell("ss -K dst 10.9.2.2 > /dev/null 2>&1");
    }
    SUBCASE("the first")
    {
        lab.server_shell("ss -K dst 10.9.1.2 > /dev/null 2>&1");
    }
    CHECK(lab.both_have(1));
    CHECK(lab.both_have(2));
    CHECK(lab.flows());
    CHECK(lab.stays_at(lab.living(), 700ms));
}

TEST_CASE("the last subflow survives an outage of its uplink")
{
    Lab lab;
    lab.update({lab.wanted(1)});
    lab.shell("ip link set up1 down");
    lab.update({});
    CHECK_FALSE(lab.flows(300ms));
    lab.up("1", 100);
    lab.update({lab.wanted(1)});
    CHECK(lab.comes("up1"));
    CHECK(lab.stays_at("up1", 1s));
}

TEST_CASE("a device that was taken away and came back with its address gets a new subflow")
{
    Lab lab;
    lab.update({lab.wanted(1)});
    lab.shell("ip link del up1");
    lab.update({});
    lab.shell("ip link add up1 type veth peer name s1 netns " + lab.server_path());
    lab.shell("ip address add 10.9.1.2/24 dev up1");
    lab.server_shell("ip address add 10.9.1.1/24 dev s1; ip link set s1 up");
    lab.up("1", 100);
    lab.update({lab.wanted(1)});
    CHECK(lab.flows(1s));
    CHECK(lab.comes("up1"));
}

TEST_CASE("a path that swallows SYNs is tried again until it works")
{
    Lab lab;
    lab.server_shell("nft 'table ip t { chain c { type filter hook input priority 0; "
                     "iifname \"s2\" drop; }; }'");
    lab.update({lab.wanted(1), lab.wanted(2)});
    CHECK(lab.stays_at("up1", 3800ms)); // Cut after 3 s, tried again after 0.5 s.
    lab.server_shell("nft delete table ip t");
    CHECK(lab.comes("up1 up2", 4s));
    CHECK(lab.flows());
}

} // namespace braid
