#include "server/lane_watch.hpp"

#include <spdlog/spdlog.h>
#include <system_error>
#include <utility>

namespace braid {

LaneWatch::LaneWatch(Loop& loop, Listener& listener)
    : loop_(loop), listener_(listener), round_(loop, [this] { round(); })
{
}

Status LaneWatch::open()
{
    auto diag = SockDiag::open();
    if (!diag) return fail(diag.error());
    diag_.emplace(std::move(*diag));
    return {};
}

void LaneWatch::wake(std::size_t peer)
{
    Watched& watched = watched_[peer];
    if (std::exchange(watched.is_active, true)) return;
    watched.used_at = loop_.now();
    active_.push_back(peer);
    if (round_.pending()) return;
    round_at_ = watched.used_at;
    round_.every(StallClock::round);
}

void LaneWatch::lane_changed(std::size_t peer)
{
    const auto found = watched_.find(peer);
    if (found == watched_.end()) return;
    found->second.pressure = {};
    found->second.hole = {};
    (void)found->second.verdict.look(loop_.now(), {}); // the old lane's subflows have gone
}

void LaneWatch::round()
{
    const TimePoint now = loop_.now();
    note_lateness(now);
    for (const std::size_t peer : std::exchange(active_, {})) {
        Watched& watched = watched_[peer];
        watched.is_active = look(now, peer, watched);
        if (watched.is_active) active_.push_back(peer);
    }
    if (active_.empty()) round_.stop();
}

void LaneWatch::note_lateness(TimePoint now)
{
    const Duration after = now - std::exchange(round_at_, now);
    if (after <= StallClock::late_after) return;
    for (const std::size_t peer : active_)
        watched_[peer].verdict.came_late(now, after - StallClock::round);
}

bool LaneWatch::look(TimePoint now, std::size_t peer, Watched& watched)
{
    const Session* session = listener_.session_of(peer);
    if (session == nullptr || session->lane() == nullptr) return false;
    const std::uint64_t packets = session->counters().packets_sent;
    if (packets != std::exchange(watched.packets, packets)) watched.used_at = now;
    measure_pressure(now, peer, watched, *session);
    judge(now, peer, watched, *session->lane());
    return now - watched.used_at < in_use_for || watched.verdict.waits() ||
           watched.pressure.full() || watched.hole.suspects();
}

void LaneWatch::measure_pressure(TimePoint now, std::size_t peer, Watched& watched,
                                 const Session& session)
{
    using Queue = PressureMeter::Queue;
    const bool before = watched.pressure.full();
    watched.pressure.look(now, session.queue().empty() ? Queue::empty : Queue::waits);
    if (watched.pressure.full() != before)
        listener_.on_pressure_changed(peer, watched.pressure.full());
}

void LaneWatch::judge(TimePoint now, std::size_t peer, Watched& watched, const Lane& lane)
{
    if (!diag_) return;
    const auto living = mptcp::subflows(lane.fd());
    if (!living) return;
    const auto conviction = watched.verdict.look(now, *living);
    if (is_frozen(now, watched, lane, *living)) return listener_.on_lane_frozen(peer);
    if (!conviction) return;
    const auto done = cut(*conviction);
    if (done) return listener_.on_subflow_cut(peer, *done);
    if (done.error().code == std::errc::no_such_file_or_directory) return; // gone by itself
    spdlog::warn("silent subflows are not cut from now on reason=\"{}\"", done.error().text());
    diag_.reset();
}

bool LaneWatch::is_frozen(TimePoint now, Watched& watched, const Lane& lane,
                          const std::vector<mptcp::Subflow>& living)
{
    const auto data = mptcp::data_progress(lane.fd());
    if (!data) return false; // plain TCP has no holes
    const auto in_flight = watched.verdict.in_flight();
    return watched.hole.look(now, {.acked = data->acked,
                                   .unacked = data->unacked,
                                   .peer_window = mptcp::peer_window(living),
                                   .oldest_in_flight = in_flight.oldest,
                                   .rtt = in_flight.rtt});
}

Result<LaneWatch::SubflowCut> LaneWatch::cut(const StallVerdict::Conviction& conviction)
{
    const auto socket = diag_->find(conviction.local, conviction.remote);
    if (!socket) return fail(socket.error());
    if (auto destroyed = diag_->destroy(*socket); !destroyed) return fail(destroyed.error());
    SubflowCut done{conviction.remote, conviction.silent, std::nullopt};
    if (socket->address_ids) done.address_id = socket->address_ids->remote;
    return done;
}

} // namespace braid
