#include "common/session/lane_sender.hpp"

#include "tests/unit/session/lane_ends.hpp"

#include <doctest/doctest.h>
#include <memory>
#include <optional>

using namespace braid;
using namespace braid::test;

namespace {

constexpr RecordLimits few_records{.records = 10, .bytes = std::uint64_t{1} << 36};

/// A sender whose kernel is a socket that is always read.
struct Sending : WorkLine::Owner {
    explicit Sending(RecordWorkers::Wanted wanted, RecordLimits limits = {})
    {
        if (wanted) workers.emplace(loop, *wanted);
        line.emplace(workers ? &*workers : nullptr, *this);
        sender.emplace(RecordSealer{Cipher::chacha20_poly1305, fixed_secret(1), limits}, *line,
                       now);
    }
    ~Sending() override
    {
        line->cancel();
        sender.reset();
        line.reset();
    }
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;

    void on_work_done() override { flush(); }
    void flush()
    {
        do {
            REQUIRE(sender->flush(pair.here.get(), now));
            drain();
        } while (sender->blocked());
    }
    void drain()
    {
        Buffer part(256 * 1024);
        ssize_t size = 0;
        while ((size = ::recv(pair.there.get(), part.data(), part.size(), 0)) > 0)
            wire.insert(wire.end(), part.begin(), part.begin() + size);
    }
    void push(std::size_t size) { queue.push(queued(pool, pattern(pushed++, size))); }
    void seal() { REQUIRE(sender->seal_packets(queue, now)); }
    [[nodiscard]] Status try_ping()
    {
        const auto payload = encode_message(Ping{pushed});
        const auto header = message_frame_header(narrow<std::uint16_t>(payload.size()));
        return sender->seal_message(header, payload, now);
    }
    /// So much in so short a time that the gate leaves everything to the kernel.
    void reach_bulk()
    {
        for (int i = 0; i < 22; ++i, now += 1ms) {
            push(60'000);
            REQUIRE(sender->ready());
            seal();
            flush();
        }
        REQUIRE(sender->gate().bulk());
        line->finish();
        flush();
    }
    /// Sends `packets` with a message behind every fifth record.
    void send_all(std::size_t packets)
    {
        for (std::size_t i = 0; i < packets; ++i) push(20'000 + 1000 * (i % 7));
        int records = 0;
        const bool sent = runs_until(loop, patience, [&] {
            while (!queue.empty() && sender->ready()) {
                seal();
                if (++records % 5 == 0) REQUIRE(try_ping());
                if (records % 3 == 0) flush();
            }
            flush();
            return queue.empty();
        });
        REQUIRE(sent);
        line->finish();
        flush();
    }

    Loop loop;
    PacketPool pool;
    FairQueue queue{std::size_t{64} << 20};
    StreamPair pair;
    TimePoint now{1h};
    std::size_t pushed = 0;
    Buffer wire;
    std::optional<RecordWorkers> workers;
    std::optional<RecordLine> line;
    std::optional<LaneSender> sender;
};

/// The records of a stream, opened.
std::vector<Buffer> opened(Buffer stream, RecordLimits limits = {})
{
    RecordOpener opener{Cipher::chacha20_poly1305, fixed_secret(1), limits};
    std::vector<Buffer> records;
    for (MutBytes rest{stream}; !rest.empty();) {
        const auto unit = next_unit(rest);
        REQUIRE(unit);
        REQUIRE(*unit);
        REQUIRE((*unit)->size <= rest.size());
        const auto plaintext = opener.open(rest.first((*unit)->size));
        REQUIRE(plaintext);
        records.emplace_back(plaintext->begin(), plaintext->end());
        rest = rest.subspan((*unit)->size);
    }
    return records;
}

} // namespace

TEST_CASE("workers make the same bytes as the loop alone, in the same order")
{
    Sending alone{std::nullopt};
    alone.reach_bulk();
    alone.send_all(200);
    const auto records = opened(alone.wire);
    CHECK(packets_in(records).size() == 222);
    CHECK(messages_in(records).size() > 5);
    for (const std::uint32_t threads : {2u, 3u, 9u}) {
        CAPTURE(threads);
        Sending together{threads};
        together.reach_bulk();
        together.send_all(200);
        CHECK(together.workers->view().threads == threads - 1);
        CHECK(together.workers->view().in_use);
        CHECK(together.wire == alone.wire);
    }
}

TEST_CASE("a key that is worn changes between records that workers seal")
{
    Sending alone{std::nullopt, few_records};
    alone.reach_bulk();
    alone.send_all(100);
    Sending together{4, few_records};
    together.reach_bulk();
    together.send_all(100);
    CHECK(together.wire == alone.wire);
    CHECK(packets_in(opened(together.wire, few_records)).size() == 122);
}

TEST_CASE("a lane that does not send much leaves the workers alone")
{
    Sending sending{3};
    for (int i = 0; i < 10; ++i, sending.now += 100ms) {
        sending.push(60'000);
        sending.seal();
        sending.flush();
    }
    CHECK_FALSE(sending.workers->view().in_use);
    CHECK(sending.workers->view().threads == 0);
    CHECK(opened(sending.wire).size() == 10);
}

TEST_CASE("with workers there are some records under way, and no more")
{
    Sending sending{2};
    sending.reach_bulk();
    std::size_t records = 0;
    while (sending.sender->ready()) {
        REQUIRE(records < 100);
        sending.push(60'000);
        sending.push(60'000);
        sending.seal();
        ++records;
    }
    CHECK(records == LaneSender::blocks_with_workers);
    sending.line->finish();
    sending.flush();
    CHECK(sending.sender->ready());
    CHECK(opened(sending.wire).size() == 22 + records);
}

TEST_CASE("while the kernel is full no further record is begun")
{
    Sending sending{2};
    sending.reach_bulk();
    for (int i = 0; i < 6; ++i) {
        sending.push(60'000);
        sending.push(60'000);
        sending.seal();
    }
    sending.line->finish();
    REQUIRE(sending.sender->flush(sending.pair.here.get(), sending.now));
    CHECK(sending.sender->blocked());
    CHECK_FALSE(sending.sender->ready());
    sending.drain();
    sending.flush();
    CHECK(sending.sender->ready());
}

TEST_CASE("a message for a kernel that is full has a bound with workers, too")
{
    Sending sending{2};
    sending.reach_bulk();
    while (!sending.sender->blocked()) {
        sending.push(60'000);
        sending.push(60'000);
        sending.seal();
        sending.line->finish();
        REQUIRE(sending.sender->flush(sending.pair.here.get(), sending.now));
    }
    Status sealed;
    for (int i = 0; i < 10'000 && sealed; ++i) sealed = sending.try_ping();
    REQUIRE_FALSE(sealed);
    CHECK(sealed.error().code == std::errc::no_buffer_space);
}

TEST_CASE("a sender may die with records under way")
{
    for (int i = 0; i < 20; ++i) {
        Sending sending{4};
        sending.reach_bulk();
        for (int record = 0; record < 8; ++record) {
            sending.push(60'000);
            sending.push(60'000);
            REQUIRE(sending.sender->ready());
            sending.seal();
        }
    }
}
