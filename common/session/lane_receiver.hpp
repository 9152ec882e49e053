/// The way in of a lane: received bytes become records, and these frames, in order, whichever
/// thread opens them.
#pragma once

#include "common/crypto/record.hpp"
#include "common/session/record_workers.hpp"
#include "common/wire/frame.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace braid {

/// Without workers a record is opened when all before it are handled. With them, records of a busy
/// lane are opened ahead, where they lie, several at once. A record that cannot be opened ahead,
/// such as one that is broken or the first under another key, has its turn when the others are
/// handled.
class LaneReceiver {
public:
    /// `received`: what came already. `line` outlives its use here: it is cancelled before this
    /// object dies.
    LaneReceiver(RecordOpener opener, Bytes received, RecordLine& line);

    /// Where the next bytes are to be received; none while records that are being opened lie before
    /// too little room.
    [[nodiscard]] MutBytes room() noexcept;
    void received(std::size_t size) noexcept { used_ += size; }
    /// How many bytes have to come before there is more to open; 1 when that is not known.
    [[nodiscard]] std::size_t missing() const;

    /// Finds the next record, if the last one's frames have all been taken. False when it is not
    /// all there, or still being opened. Errors: of RecordOpener::open; the lane must end.
    [[nodiscard]] Result<bool> open_next();
    /// After open_next() was true: the next frame; none at the record's end.
    /// Errors: of FrameReader::next.
    [[nodiscard]] Result<std::optional<Frame>> next_frame();
    /// A thread opens records; when it is done there is more to handle.
    [[nodiscard]] bool busy() const noexcept { return ahead_ > 0; }
    /// Makes room; only while there is no record whose frames are being taken.
    void compact() noexcept;

private:
    static constexpr std::size_t most_ahead = 16; ///< records

    struct Opening : Job {
        void run(std::size_t thread) noexcept override { authentic = work->run(thread); }
        std::optional<OpenWork> work;
        std::size_t size = 0; ///< of the unit
        bool under_way = false;
        bool authentic = false;
    };

    [[nodiscard]] Opening& ahead(std::size_t index)
    {
        return openings_[(first_ + index) % most_ahead];
    }
    void open_ahead();
    /// The size of the next unit that nobody has begun with, if it is a record and all there.
    [[nodiscard]] std::optional<std::size_t> next_record() const;
    [[nodiscard]] Result<bool> take_opened();

    RecordOpener opener_;
    RecordLine& line_;
    std::vector<std::byte>
        in_; ///< fixed size; [handled_, begun_) is opened, or being opened, ahead
    std::size_t handled_ = 0;
    std::size_t begun_ = 0;
    std::size_t used_ = 0;              ///< [begun_, used_) is not yet looked at
    std::optional<FrameReader> frames_; ///< of a record that is being handled, within in_
    std::array<Opening, most_ahead> openings_;
    std::size_t first_ = 0; ///< of the ring
    std::size_t ahead_ = 0; ///< records in the ring, from first_ on
};

} // namespace braid
