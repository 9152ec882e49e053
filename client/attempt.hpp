/// One try to reach the server over one uplink: connect, then the handshake or a lane join.
#pragma once

#include "client/opening.hpp"
#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// Where a try goes, and from where.
struct Target {
    std::string interface;
    Endpoint remote;
    bool backup = false; ///< the uplink's priority is backup
    bool operator==(const Target&) const = default;
};

/// A connection that has its keys.
struct Connected {
    Fd fd;
    Target target;
    Endpoint local;
    Opened opened;
    std::vector<std::byte> received; ///< bytes behind the server's answer
};

/// Timer: deadline_ starts with the try, ends with the outcome, fails the try after `patience`.
/// Once connected it is answer_patience(): a captive portal, say, takes the connection and keeps
/// mum, and another try may reach the server by then.
class Attempt {
public:
    static constexpr auto patience = 8s;
    static constexpr auto least_patience = 2s;

    /// How long to wait for the server's answer where to connect took `connecting`: about as long,
    /// but what is lost has to be sent again.
    [[nodiscard]] static Duration answer_patience(Duration connecting)
    {
        return std::clamp<Duration>(4 * connecting, least_patience, patience);
    }

    /// Called once; the owner may destroy the attempt in it. Errors: of
    /// Opening::refusal; timed_out; others as of connect(2) and Opening.
    using OnDone = std::function<void(Attempt&, Result<Connected>)>;

    Attempt(Loop& loop, Target target, MakeOpening make_opening, OnDone on_done);

    [[nodiscard]] const Target& target() const noexcept { return target_; }
    /// The address that the kernel has chosen to connect from, once begun.
    [[nodiscard]] std::optional<Address> source() const;

    /// Begins; failures of the first steps are reported through the loop, not from here.
    void start();

private:
    void on_ready(Interest ready);
    [[nodiscard]] Status send_opening();
    /// nullopt: the answer is not complete yet.
    [[nodiscard]] Result<std::optional<Connected>> receive_reply();
    void finish(Result<Connected> outcome);

    Loop& loop_;
    Target target_;
    MakeOpening make_opening_;
    OnDone on_done_;
    Fd fd_;
    std::optional<Opening> opening_; ///< once it is sent
    std::vector<std::byte> in_;
    std::optional<Error> early_;
    std::optional<FdWatch> watch_;
    TimePoint started_at_{};
    Timer deadline_;
};

} // namespace braid
