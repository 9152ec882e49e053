#include "client/path_health.hpp"

#include "common/crypto/probe.hpp"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t most_pending = 64;
constexpr std::size_t burst = 32; ///< probes that hurry to tell a lost packet from a lost path
constexpr int echoes_for_good = 2;
constexpr Duration just_now = 30ms;
constexpr std::ptrdiff_t isolated = 3; ///< probes in a row that were lost by chance
constexpr double loss_weight = 1.0 / 64;
/// IPv6 and UDP headers; there and back.
constexpr double probe_cost = 2 * (48 + probe_size);
constexpr double most_budget = 64 * probe_cost;

/// At most 1 MB an hour of probes and echoes (160 bytes together) on a metered uplink without
/// traffic: one in 2 s is 288 kB, and while nothing comes back one in 500 ms is 576 kB.
constexpr Duration carrying_pace = 20ms;
constexpr Duration confirming_pace = 10ms;
constexpr Duration ready_pace = 500ms;
constexpr Duration refuge_pace = 100ms;
constexpr Duration metered_ready_pace = 2s;
constexpr Duration searching_pace = 100ms;
constexpr Duration long_searching_pace = 250ms;
constexpr Duration metered_searching_pace = 500ms;
constexpr Duration searching_long_after = 10s;

} // namespace

std::string_view name_of(Health health)
{
    switch (health) {
    case Health::unknown: return "unknown";
    case Health::good: return "good";
    case Health::poor: return "poor";
    case Health::stalled: return "stalled";
    case Health::lost: return "lost";
    case Health::trying: return "trying";
    }
    return "unknown";
}

std::optional<std::uint32_t> PathHealth::next_probe(TimePoint now, PathUse use)
{
    if (now - probed_at_ < pace(now, use)) return std::nullopt;
    const bool spare = use != PathUse::carrying || metered_;
    const bool answers_come = now - answered_at_ < pace(now, use);
    if (spare && answers_come) return std::nullopt;
    if (metered_) metered_budget_ = std::max(0.0, metered_budget_ - probe_cost);
    if (pending_.size() == most_pending) pending_.pop_front();
    probed_at_ = now;
    pending_.push_back({++number_, now});
    ++unechoed_;
    return number_;
}

Duration PathHealth::pace(TimePoint now, PathUse use) const
{
    if (now < barred_until_ && !lives()) return metered_ ? metered_ready_pace : ready_pace;
    const bool confirms = lives() && overdue(now) > 0;
    if (confirms && pending_.size() < burst) return confirming_pace;
    if (confirms || !lives()) {
        if (now - answered_at_ < searching_long_after || number_ < burst) return searching_pace;
        return metered_ ? metered_searching_pace : long_searching_pace;
    }
    if (use == PathUse::carrying && (!metered_ || metered_budget_ >= probe_cost))
        return carrying_pace;
    if (metered_) return metered_ready_pace;
    return use == PathUse::refuge ? refuge_pace : ready_pace;
}

bool PathHealth::echoed(TimePoint now, std::uint32_t number)
{
    const auto found = std::ranges::find(pending_, number, &Pending::number);
    if (found == pending_.end()) return false;
    measure(now, now - found->sent_at);
    const auto missing = found - pending_.begin();
    const bool fell_silent = std::exchange(fell_silent_, false);
    if (missing <= isolated) // more is an outage, and says nothing about the path when it works
        for (auto each = pending_.begin(); each != found; ++each) count(true);
    else if (fell_silent)
        outages_.note(now, outage_again);
    count(false);
    echoes_in_a_row_ = missing == 0 ? echoes_in_a_row_ + 1 : 1;
    pending_.erase(pending_.begin(), found + 1);

    const Duration silence = now - answered_at_;
    if (probes_pass_ && silence >= outage) outage_ended_at_ = now;
    silence_ = std::max(silence_, silence);
    probes_pass_ = true;
    unechoed_ = 0;
    answered(now);
    if (health_ == Health::lost && echoes_in_a_row_ >= echoes_for_good && now >= barred_until_)
        revive(now);
    return true;
}

void PathHealth::revive(TimePoint now)
{
    const bool was_barred = health_since_ < barred_until_; // then hardly any probes were sent
    if (silence_ < outage && !was_barred) clock_.learn(silence_);
    become(now, Health::good);
}

void PathHealth::subflow(TimePoint now, bool progressed, std::uint32_t overdue,
                         std::uint64_t carried)
{
    overdue_acks_ = overdue;
    metered_budget_ =
        std::min(most_budget, metered_budget_ + metered_share * static_cast<double>(carried));
    if (!progressed) return;
    if (unechoed_ >= unechoed_to_doubt) probes_pass_ = false;
    answered(now);
}

void PathHealth::answered(TimePoint now)
{
    answered_at_ = now;
    answered_since_tick_ = true;
    if (health_ == Health::unknown || health_ == Health::stalled || health_ == Health::trying)
        become(now, Health::good);
}

std::uint32_t PathHealth::overdue_probes(TimePoint now) const
{
    std::uint32_t overdue = 0;
    for (const Pending& each : pending_) {
        // What was due before the last answer was lost alone; the path was alive.
        const TimePoint due = each.sent_at + srtt_;
        if (due <= now && due > answered_at_) ++overdue;
    }
    return overdue;
}

bool PathHealth::lives() const noexcept
{
    return health_ != Health::unknown && health_ != Health::lost && health_ != Health::trying;
}

std::uint32_t PathHealth::overdue(TimePoint now) const
{
    return lives() ? overdue_acks_ + (probes_pass_ ? overdue_probes(now) : 0) : 0;
}

bool PathHealth::needs_a_close_look(TimePoint now) const
{
    return overdue(now) > 0;
}

Duration PathHealth::more_patience(TimePoint now, Refuge refuge) const
{
    Duration more{};
    if (now - heard_at_ < just_now) more += heard_patience;
    if (refuge == Refuge::idle) more += idle_refuge_patience;
    return more;
}

void PathHealth::tick(TimePoint now, Refuge refuge, Duration lateness)
{
    clock_.tick(now, {.overdue = overdue(now), .progressed = answered_since_tick_});
    answered_since_tick_ = false;
    if (flaps(now) && refuge != Refuge::none) {
        bar(now);
        clock_ = {}; // what outages have taught it makes the next gap longer
        return lose(now);
    }
    lift_bar(now, refuge);
    if (health_ == Health::lost && now - health_since_ >= trial_after && now >= barred_until_)
        become(now, Health::trying);
    if (!lives()) return;
    const bool stalled = clock_.stalled(lateness + more_patience(now, refuge));
    if (stalled && refuge != Refuge::none) {
        lose(now);
    } else if (clock_.silent() >= stalled_after) {
        fell_silent_ = true;
        become(now, Health::stalled);
    } else {
        judge_quality(now);
    }
}

bool PathHealth::stuck(TimePoint now, Refuge refuge)
{
    if (now < barred_until_) return false;
    stuck_.note(now, stuck_again);
    if (stuck_.length < stuck_to_bar && !barred_of_late(now)) return true;
    bar(now);
    if (refuge == Refuge::none) return true; // the next time only after the bar
    lose(now);
    return false;
}

bool PathHealth::flaps(TimePoint now) const
{
    if (now < barred_until_ || outages_.length == 0 || now - outages_.at >= outage_again)
        return false;
    return outages_.length >= outages_to_bar || barred_of_late(now);
}

bool PathHealth::barred_of_late(TimePoint now) const
{
    return bar_ != Duration::zero() && now - barred_until_ < longest_bar;
}

void PathHealth::bar(TimePoint now)
{
    bar_ = barred_of_late(now) ? std::min<Duration>(bar_ * 2, longest_bar) : Duration{first_bar};
    barred_until_ = now + bar_;
    outages_ = {};
}

void PathHealth::lift_bar(TimePoint now, Refuge refuge)
{
    if (refuge != Refuge::none)
        refuge_at_ = now;
    else if (!lives() && now < barred_until_ && now - refuge_at_ >= bar_without_refuge)
        barred_until_ = now;
}

void PathHealth::lose(TimePoint now)
{
    fell_silent_ = true;
    echoes_in_a_row_ = 0;
    silence_ = {};
    become(now, Health::lost);
}

void PathHealth::measure(TimePoint now, Duration sample)
{
    srtt_ = srtt_ == Duration::zero() ? sample : srtt_ + (sample - srtt_) / 8;
    if (least_rtt_ == Duration::zero() || sample < least_rtt_)
        least_rtt_ = sample;
    else
        least_rtt_ += (sample - least_rtt_) / 1024;
    if (srtt_ > 2 * least_rtt_ + poor_rtt) poor_at_ = now;
}

void PathHealth::count(bool lost)
{
    loss_ += ((lost ? 1.0 : 0.0) - loss_) * loss_weight;
}

void PathHealth::judge_quality(TimePoint now)
{
    if (loss_ > poor_loss) poor_at_ = now;
    const bool poor = poor_at_ != TimePoint{} && now - poor_at_ < poor_until;
    become(now, poor ? Health::poor : Health::good);
}

void PathHealth::become(TimePoint now, Health health)
{
    if (health == health_) return;
    health_ = health;
    health_since_ = now;
}

} // namespace braid
