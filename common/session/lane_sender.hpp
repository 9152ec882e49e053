/// The way out of a lane: packets become records, and these go to the kernel in order, whichever
/// thread seals them.
#pragma once

#include "common/base/time.hpp"
#include "common/crypto/record.hpp"
#include "common/queue/fair_queue.hpp"
#include "common/session/record_workers.hpp"
#include "common/session/send_gate.hpp"
#include "common/wire/frame.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace braid {

/// Without workers there is one block: what is sealed, at once, and waits for the kernel. With them
/// there are several in a ring, each with one record of packets that a thread seals, and with the
/// messages behind it; the first goes to the kernel as soon as it is sealed.
class LaneSender {
public:
    static constexpr auto rekey_after = 120s; ///< PROTOCOL.md, "Records"
    static constexpr std::size_t blocks_with_workers = 8;

    struct Sealed {
        std::size_t packets = 0;
        std::size_t bytes = 0; ///< of inner packets
    };

    /// `line` outlives its use here: it is cancelled before this object dies.
    LaneSender(RecordSealer sealer, RecordLine& line, TimePoint now);

    /// Whether it takes a record of packets: nothing waits for the kernel, and a block is free.
    [[nodiscard]] bool ready();
    /// Fills one record from the queue, which is not empty; only when ready().
    /// Errors: of RecordSealer::seal.
    [[nodiscard]] Result<Sealed> seal_packets(FairQueue& queue, TimePoint now);
    /// Seals a message behind all that was sealed so far.
    /// Errors: no_buffer_space; of RecordSealer::seal.
    [[nodiscard]] Status seal_message(Bytes header, Bytes payload, TimePoint now);
    /// Hands to the kernel what is sealed and what it takes. Errors: the socket's.
    [[nodiscard]] Status flush(int fd, TimePoint now);
    /// Something sealed waits for the kernel.
    [[nodiscard]] bool blocked() const noexcept { return blocked_; }
    /// Forgets all that has not been sent. The line has been cancelled.
    void clear() noexcept;

    [[nodiscard]] SendGate& gate() noexcept { return gate_; }
    [[nodiscard]] Cipher cipher() const noexcept { return sealer_.cipher(); }

private:
    static constexpr std::size_t packets_per_record = 128;

    /// What is sealed together, and the packets until it is.
    class Block : public Job {
    public:
        Block();
        void run(std::size_t thread) noexcept override;

        /// Takes packets until the record has `target` bytes.
        [[nodiscard]] Sealed gather(FairQueue& queue, std::size_t target);
        void drop_packets() noexcept;
        [[nodiscard]] std::size_t plaintext() const noexcept { return plaintext_; }
        [[nodiscard]] MutBytes room() noexcept { return MutBytes{bytes_}.subspan(used_); }
        [[nodiscard]] Bytes unsent() const noexcept
        {
            return Bytes{bytes_}.subspan(sent_, used_ - sent_);
        }
        void add(std::size_t size) noexcept { used_ += size; }
        void sent(std::size_t size) noexcept { sent_ += size; }
        void clear() noexcept;

        std::optional<SealWork> work; ///< of the gathered packets
        bool under_way = false;       ///< a thread has it, or is about to

    private:
        std::vector<std::byte> bytes_; ///< fixed size; [sent_, used_) waits for the kernel
        std::size_t sent_ = 0;
        std::size_t used_ = 0;
        std::array<FrameHeader, packets_per_record> headers_;
        std::array<PacketBuffer, packets_per_record> packets_;
        std::array<Bytes, 2 * packets_per_record> segments_;
        std::size_t count_ = 0;
        std::size_t plaintext_ = 0;
    };

    /// False when the block is still under way.
    [[nodiscard]] static bool settle(Block& block) noexcept;
    [[nodiscard]] Block& block(std::size_t index) const
    {
        return *blocks_[(first_ + index) % blocks_.size()];
    }
    [[nodiscard]] bool empty() const noexcept { return used_ == 0; }
    [[nodiscard]] Block& add_block();
    void rekey_when_due(TimePoint now);

    RecordSealer sealer_;
    RecordLine& line_;
    SendGate gate_;
    TimePoint keyed_at_; ///< when the sealer's key was last changed
    std::vector<std::unique_ptr<Block>> blocks_;
    std::size_t first_ = 0; ///< of the ring
    std::size_t used_ = 0;  ///< of the ring, from first_ on
    bool blocked_ = false;
};

} // namespace braid
