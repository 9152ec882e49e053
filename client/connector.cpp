#include "client/connector.hpp"

#include "common/sys/mptcp.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

constexpr int weight_of_refusal = 2;

/// How much an error tells about why no try succeeded.
int weight(const Error& error)
{
    if (error.code == std::make_error_code(handshake_fault::unknown_client)) return 3;
    if (error.code == std::make_error_code(handshake_fault::not_authentic))
        return weight_of_refusal;
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

void Connector::race(std::vector<Target> targets, Wanted wanted)
{
    cancel();
    wanted_ = wanted;
    std::ranges::reverse(targets);
    waiting_ = std::move(targets);
    start_next();
}

void Connector::cancel()
{
    stagger_.stop();
    waiting_.clear();
    failed_.clear();
    attempts_.clear();
    worst_.reset();
}

void Connector::start_next()
{
    auto& from = waiting_.empty() ? failed_ : waiting_;
    if (from.empty()) return;
    Target target = std::move(from.back());
    from.pop_back();
    spdlog::debug("trying the server uplink={} remote={}", target.interface, target.remote.text());
    attempts_.push_back(
        std::make_unique<Attempt>(loop_, std::move(target), make_opening_,
                                  [this](Attempt& attempt, Result<Connected> outcome) {
                                      on_attempt(attempt, std::move(outcome));
                                  }));
    stagger();
    attempts_.back()->start();
}

void Connector::extend(const std::vector<Target>& targets, const std::vector<Address>& sources)
{
    std::erase_if(attempts_, [&](const auto& each) {
        const auto source = each->source();
        return source && std::ranges::find(sources, *source) == sources.end();
    });
    for (const Target& target : targets) {
        const bool waits = std::ranges::find(waiting_, target) != waiting_.end();
        const bool tried = std::ranges::any_of(
            attempts_, [&](const auto& each) { return each->target() == target; });
        if (!waits && !tried) waiting_.insert(waiting_.begin(), target);
    }
    if (!stagger_.pending()) start_next();
}

void Connector::on_attempt(Attempt& attempt, Result<Connected> outcome)
{
    if (outcome && wanted_ == Wanted::mptcp && !mptcp::is_mptcp(outcome->fd.get()))
        outcome = fail(std::errc::protocol_not_supported, "the path takes plain TCP only");
    const bool gone =
        !outcome && outcome.error().code == std::make_error_code(Opening::session_gone);
    if (outcome || gone) return finish(std::move(outcome));
    spdlog::debug("try failed reason=\"{}\"", outcome.error().text());
    const bool worth_more = weight(outcome.error()) < weight_of_refusal;
    Target target = attempt.target();
    std::erase_if(attempts_, [&](const auto& each) { return each.get() == &attempt; });
    note(outcome.error());
    if (worth_more) failed_.insert(failed_.begin(), std::move(target));
    if (!waiting_.empty()) return start_next();
    if (!attempts_.empty()) return stagger();
    finish(fail(*std::exchange(worst_, std::nullopt)));
}

void Connector::stagger()
{
    if (!waiting_.empty())
        stagger_.once(stagger_after);
    else if (!failed_.empty())
        stagger_.once(again_after);
}

void Connector::finish(Result<Connected> outcome)
{
    cancel();
    on_done_(std::move(outcome));
}

void Connector::note(Error error)
{
    if (!worst_ || weight(error) > weight(*worst_)) worst_ = std::move(error);
}

} // namespace braid
