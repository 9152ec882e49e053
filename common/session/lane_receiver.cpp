#include "common/session/lane_receiver.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t in_room = std::size_t{512} * 1024;
/// Less is not worth a call, while there will be more as soon as records have been opened.
constexpr std::size_t least_room = std::size_t{64} * 1024;
/// A smaller record is opened sooner than handed over.
constexpr std::size_t least_handed_over = std::size_t{16} * 1024;

} // namespace

LaneReceiver::LaneReceiver(RecordOpener opener, Bytes received, RecordLine& line)
    : opener_(std::move(opener)), line_(line), in_(in_room), used_(received.size())
{
    assert(received.size() <= in_.size());
    std::ranges::copy(received, in_.begin());
}

MutBytes LaneReceiver::room() noexcept
{
    const MutBytes rest = MutBytes{in_}.subspan(used_);
    return busy() && rest.size() < least_room ? MutBytes{} : rest;
}

std::size_t LaneReceiver::missing() const
{
    const Bytes rest = Bytes{in_}.subspan(begun_, used_ - begun_);
    const auto unit = next_unit(rest);
    if (!unit || !*unit || (*unit)->size <= rest.size()) return 1;
    return (*unit)->size - rest.size();
}

Result<bool> LaneReceiver::open_next()
{
    if (frames_) return true;
    open_ahead();
    if (busy()) return take_opened();
    const MutBytes rest = MutBytes{in_}.subspan(handled_, used_ - handled_);
    const auto unit = next_unit(rest);
    if (!unit) return fail(unit.error());
    if (!*unit || (*unit)->size > rest.size()) return false;
    const auto plaintext = opener_.open(rest.first((*unit)->size));
    if (!plaintext) return fail(plaintext.error());
    handled_ += (*unit)->size;
    begun_ = handled_;
    frames_.emplace(*plaintext);
    return true;
}

std::optional<std::size_t> LaneReceiver::next_record() const
{
    const Bytes rest = Bytes{in_}.subspan(begun_, used_ - begun_);
    const auto unit = next_unit(rest);
    if (!unit || !*unit || (*unit)->type != UnitType::record) return std::nullopt;
    return (*unit)->size <= rest.size() ? std::optional{(*unit)->size} : std::nullopt;
}

void LaneReceiver::open_ahead()
{
    while (ahead_ < most_ahead) {
        const auto size = next_record();
        if (!size) return;
        // The first one goes to a thread only if there is something to do for this one meanwhile.
        const bool alone = begun_ + *size == used_;
        if (!busy() && (alone || *size < least_handed_over)) return;
        WorkLine* const line = line_.for_bulk();
        if (line == nullptr) return;
        Opening& next = ahead(ahead_);
        next.work = opener_.begin(MutBytes{in_}.subspan(begun_, *size));
        if (!next.work) return;
        next.size = *size;
        next.under_way = *size >= least_handed_over;
        begun_ += *size;
        ++ahead_;
        if (next.under_way)
            line->submit(next);
        else
            next.run(0);
    }
}

Result<bool> LaneReceiver::take_opened()
{
    const Opening& head = ahead(0);
    if (head.under_way && !head.done()) return false;
    if (!head.authentic) return fail(std::errc::protocol_error, "record: not authentic");
    handled_ += head.size;
    frames_.emplace(head.work->plaintext());
    first_ = (first_ + 1) % most_ahead;
    --ahead_;
    return true;
}

Result<std::optional<Frame>> LaneReceiver::next_frame()
{
    auto frame = frames_->next();
    if (frame && !*frame) frames_.reset();
    return frame;
}

void LaneReceiver::compact() noexcept
{
    assert(!frames_);
    if (busy() || handled_ == 0) return;
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(handled_),
              in_.begin() + static_cast<std::ptrdiff_t>(used_), in_.begin());
    used_ -= handled_;
    handled_ = begun_ = 0;
}

} // namespace braid
