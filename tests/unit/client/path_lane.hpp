/// A lane's subflows without a kernel, for the tests of path_control.
#pragma once

#include "client/path_control.hpp"
#include "tests/unit/netns.hpp"

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace braid::test {

inline const Endpoint server = endpoint("203.0.113.1:8684");
inline constexpr std::uint8_t established = 1;
inline constexpr std::uint8_t syn_sent = 2;
inline constexpr TimePoint start{1h};

inline WantedSubflow wanted(int number, bool backup = false)
{
    return {.interface = "up" + std::to_string(number),
            .index = number,
            .local = address("10.0." + std::to_string(number) + ".2"),
            .remote = server,
            .backup = backup};
}

inline mptcp::Subflow flow(int number, std::uint16_t port, std::uint8_t state = established)
{
    mptcp::Subflow subflow;
    subflow.local = {wanted(number).local, port};
    subflow.remote = server;
    subflow.tcp_state = state;
    return subflow;
}

/// "+1#3*" created on up1 with id 3 as backup, "-1:4000#0" cut, "1:4000*" flag set, "1:4000"
/// cleared.
inline std::string text(const std::vector<PathStep>& steps)
{
    std::ostringstream all;
    const auto number = [](const Address& local) { return std::to_integer<int>(local.bytes()[2]); };
    for (const auto& step : steps) {
        if (all.tellp() != 0) all << ' ';
        if (const auto* create = std::get_if<CreateSubflow>(&step))
            all << '+' << number(create->subflow.local) << '#' << int{create->local_id}
                << (create->subflow.backup ? "*" : "");
        if (const auto* cut = std::get_if<CutSubflow>(&step))
            all << '-' << number(cut->local.address) << ':' << cut->local.port << '#'
                << int{cut->local_id};
        if (const auto* flag = std::get_if<SetBackup>(&step))
            all << number(flag->local.address) << ':' << flag->local.port
                << (flag->backup ? "*" : "");
    }
    return all.str();
}

/// A lane whose first subflow is up1's, from port 4000.
struct Lane {
    PathControl control{wanted(1).local, false};
    TimePoint now = start;
    std::vector<WantedSubflow> plan{wanted(1), wanted(2)};
    std::vector<mptcp::Subflow> living{flow(1, 4000)};

    std::string step() { return text(control.step(now, plan, living)); }
    std::string step_after(Duration time)
    {
        now += time;
        return step();
    }
};

/// The same with up2's subflow established, from port 5000 with id 1.
inline Lane lane_of_two()
{
    Lane lane;
    CHECK(lane.step() == "+2#1");
    lane.living.push_back(flow(2, 5000));
    CHECK(lane.step().empty());
    return lane;
}

} // namespace braid::test
