#include "client/connector.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

/// How much an error tells about why no try succeeded.
int weight(const Error& error)
{
    if (error.code == std::make_error_code(handshake_fault::unknown_client)) return 3;
    if (error.code == std::make_error_code(handshake_fault::not_authentic)) return 2;
    return error.code == std::errc::timed_out ? 0 : 1;
}

} // namespace

Connector::Connector(Loop& loop, MakeOpening make_opening, OnDone on_done)
    : loop_(loop),
      make_opening_(std::move(make_opening)),
      on_done_(std::move(on_done)),
      stagger_(loop, [this] { start_next(); })
{
}

void Connector::race(std::vector<Target> targets)
{
    cancel();
    std::ranges::reverse(targets);
    waiting_ = std::move(targets);
    start_next();
}

void Connector::cancel()
{
    stagger_.stop();
    waiting_.clear();
    attempts_.clear();
    worst_.reset();
}

void Connector::start_next()
{
    if (waiting_.empty()) return;
    Target target = std::move(waiting_.back());
    waiting_.pop_back();
    spdlog::debug("trying the server uplink={} remote={}", target.interface, target.remote.text());
    attempts_.push_back(
        std::make_unique<Attempt>(loop_, std::move(target), make_opening_,
                                  [this](Attempt& attempt, Result<Connected> outcome) {
                                      on_attempt(attempt, std::move(outcome));
                                  }));
    if (!waiting_.empty()) stagger_.once(stagger_after);
    attempts_.back()->start();
}

void Connector::on_attempt(Attempt& attempt, Result<Connected> outcome)
{
    if (outcome) {
        cancel();
        on_done_(std::move(outcome));
        return;
    }
    spdlog::debug("try failed reason=\"{}\"", outcome.error().text());
    std::erase_if(attempts_, [&](const auto& each) { return each.get() == &attempt; });
    note(outcome.error());
    if (!waiting_.empty()) return start_next();
    if (!attempts_.empty()) return;
    const Error reason = *std::exchange(worst_, std::nullopt);
    on_done_(fail(reason));
}

void Connector::note(Error error)
{
    if (!worst_ || weight(error) > weight(*worst_)) worst_ = std::move(error);
}

} // namespace braid
