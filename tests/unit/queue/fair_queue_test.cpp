#include "common/queue/fair_queue.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <map>
#include <utility>
#include <vector>

using namespace braid;

namespace {

constexpr std::size_t small = PacketPool::small_room;
constexpr std::size_t large = PacketPool::large_room;

/// A packet whose number is its segment_size, in the smallest buffer that holds it.
QueuedPacket packet(PacketPool& pool, FlowHash flow, std::size_t size, std::uint16_t number = 0)
{
    auto buffer = pool.large();
    buffer.set(0, size);
    QueuedPacket queued{
        .buffer = pool.shrink(std::move(buffer)), .offload = {}, .flow = flow, .queued_at = {}};
    queued.offload.segment_size = number;
    return queued;
}

/// The flows of all packets in the order of their service.
std::vector<FlowHash> drain(FairQueue& queue)
{
    std::vector<FlowHash> flows;
    while (const auto popped = queue.pop()) flows.push_back(popped->flow);
    return flows;
}

using Flows = std::vector<FlowHash>;

} // namespace

TEST_CASE("an empty queue yields nothing")
{
    FairQueue queue;
    CHECK(queue.empty());
    CHECK(queue.peek() == nullptr);
    CHECK_FALSE(queue.pop());
}

TEST_CASE("a packet comes out as it went in")
{
    PacketPool pool;
    FairQueue queue;
    auto in = packet(pool, 77, 1500);
    in.offload = {.needs_checksum = true, .ecn = true, .gso = Gso::tcp4, .segment_size = 1448};
    in.queued_at = TimePoint{} + 5ms;
    const auto offload = in.offload;
    const auto* const bytes = in.buffer.bytes().data();
    queue.push(std::move(in));
    CHECK(queue.packets() == 1);
    CHECK(queue.cost() == small);

    const auto out = queue.pop();
    REQUIRE(out);
    CHECK(out->buffer.bytes().data() == bytes);
    CHECK(out->buffer.size() == 1500);
    CHECK(out->offload == offload);
    CHECK(out->flow == 77);
    CHECK(out->queued_at == TimePoint{} + 5ms);
    CHECK(queue.empty());
    CHECK(queue.cost() == 0);
}

TEST_CASE("a sparse flow's packet is served before a bulk backlog")
{
    PacketPool pool;
    FairQueue queue;
    for (int i = 0; i < 50; ++i) queue.push(packet(pool, 1, 65000));
    for (int i = 0; i < 3; ++i) CHECK(queue.pop()->flow == 1);
    queue.push(packet(pool, 2, 84));
    CHECK(queue.pop()->flow == 2);
    CHECK(queue.pop()->flow == 1);
}

TEST_CASE("a flow that stays sparse goes first every time")
{
    PacketPool pool;
    FairQueue queue;
    for (int i = 0; i < 60; ++i) queue.push(packet(pool, 1, 1500));
    for (int i = 0; i < 2; ++i) CHECK(queue.pop()->flow == 1); // ends its fresh turn
    for (int i = 0; i < 10; ++i) {
        queue.push(packet(pool, 2, 84));
        CHECK(queue.pop()->flow == 2);
        for (int j = 0; j < 3; ++j) CHECK(queue.pop()->flow == 1);
    }
}

TEST_CASE("a flow that keeps coming back empty-handed does not starve the others")
{
    PacketPool pool;
    FairQueue queue;
    for (int i = 0; i < 100; ++i) queue.push(packet(pool, 1, 1500));
    std::map<FlowHash, int> served;
    for (int i = 0; i < 100; ++i) {
        queue.push(packet(pool, 2, 1500));
        ++served[queue.pop()->flow];
    }
    CHECK(served[1] >= 49);
    CHECK(served[2] >= 49);
}

TEST_CASE("bytes are shared evenly whatever the packets' sizes")
{
    constexpr std::array<std::size_t, 4> sizes{65000, 9000, 1500, 200};
    PacketPool pool;
    FairQueue queue{64 << 20};
    std::array<std::size_t, sizes.size()> sent{};
    const auto refill = [&](std::size_t flow) { queue.push(packet(pool, flow, sizes.at(flow))); };
    for (std::size_t flow = 0; flow < sizes.size(); ++flow)
        for (int i = 0; i < 20; ++i) refill(flow);
    for (int i = 0; i < 20000; ++i) {
        const auto popped = queue.pop();
        REQUIRE(popped);
        sent.at(popped->flow) += popped->buffer.size();
        refill(popped->flow);
    }
    CHECK(queue.dropped() == 0);
    const auto [least, most] = std::ranges::minmax(sent);
    CHECK(most - least <= 65000 + 2 * FairQueue::quantum);
}

TEST_CASE("flows take turns by quantum")
{
    PacketPool pool;
    FairQueue queue;
    for (int i = 0; i < 3; ++i)
        for (const FlowHash flow : {1u, 2u, 3u}) queue.push(packet(pool, flow, 1514));
    CHECK(drain(queue) == Flows{1, 2, 3, 1, 2, 3, 1, 2, 3});

    for (int i = 0; i < 4; ++i)
        for (const FlowHash flow : {4u, 5u}) queue.push(packet(pool, flow, 757));
    CHECK(drain(queue) == Flows{4, 4, 5, 5, 4, 4, 5, 5});
}

TEST_CASE("a flow that emptied its queue still owes what it took too much")
{
    PacketPool pool;
    FairQueue queue;
    queue.push(packet(pool, 1, 15140));
    static_cast<void>(queue.pop());
    for (int i = 0; i < 20; ++i) queue.push(packet(pool, 2, 1514));
    queue.push(packet(pool, 1, 1514));
    const auto order = drain(queue);
    const auto place = std::ranges::find(order, FlowHash{1}) - order.begin();
    CHECK(place >= 9);
    CHECK(place <= 11);
}

TEST_CASE("the order within a flow is kept always")
{
    PacketPool pool;
    FairQueue queue{20 * large};
    std::map<FlowHash, std::uint16_t> pushed;
    std::map<FlowHash, std::uint16_t> popped;
    std::uint32_t random = 1;
    for (int i = 0; i < 20000; ++i) {
        random = random * 1664525 + 1013904223;
        const FlowHash flow = random >> 16 & 7;
        const std::size_t size = 40 + (random >> 8) % (flow < 2 ? 60000 : 1460);
        queue.push(packet(pool, flow, size, ++pushed[flow]));
        if (random >> 30 == 0) continue;
        const auto out = queue.pop();
        REQUIRE(out);
        CHECK(out->offload.segment_size >
              std::exchange(popped[out->flow], out->offload.segment_size));
    }
    CHECK(queue.dropped() > 0);
}

TEST_CASE("what peek shows, pop yields")
{
    PacketPool pool;
    FairQueue queue;
    for (std::uint16_t i = 0; i < 60; ++i) queue.push(packet(pool, i % 5, 300 + i * 1000u, i));
    while (const auto* const shown = queue.peek()) {
        CHECK(queue.peek() == shown);
        const auto* const bytes = shown->buffer.bytes().data();
        const auto number = shown->offload.segment_size;
        const auto popped = queue.pop();
        REQUIRE(popped);
        CHECK(popped->buffer.bytes().data() == bytes);
        CHECK(popped->offload.segment_size == number);
    }
    CHECK(queue.empty());
}

TEST_CASE("the cap is of memory held, and honoured")
{
    PacketPool pool;
    FairQueue queue{3 * large};
    for (int i = 0; i < 100; ++i) {
        queue.push(packet(pool, 1, 20000));
        CHECK(queue.cost() <= 3 * large);
    }
    CHECK(queue.packets() == 3);
    CHECK(queue.cost() == 3 * large);
    CHECK(queue.dropped() == 97);
}

TEST_CASE("the default cap holds 63 super-packets, or 255 of up to 16 KiB")
{
    struct Case {
        std::size_t size;
        std::size_t packets;
    };
    for (const auto& sample : std::vector<Case>{{65000, 63}, {16384, 255}, {3000, 255}}) {
        CAPTURE(sample.size);
        PacketPool pool;
        FairQueue queue;
        for (int i = 0; i < 300; ++i) queue.push(packet(pool, 1, sample.size));
        CHECK(queue.packets() == sample.packets);
    }
}

TEST_CASE("over the cap the fattest flow loses its oldest packet")
{
    PacketPool pool;
    FairQueue queue{10 * small};
    for (std::uint16_t i = 1; i <= 6; ++i) queue.push(packet(pool, 1, 100, i));
    for (std::uint16_t i = 1; i <= 4; ++i) queue.push(packet(pool, 2, 1500, i));
    queue.push(packet(pool, 3, 100));
    CHECK(queue.dropped() == 1);
    CHECK(queue.packets() == 10);

    std::map<FlowHash, std::vector<std::uint16_t>> numbers;
    while (const auto popped = queue.pop())
        numbers[popped->flow].push_back(popped->offload.segment_size);
    CHECK(numbers[1] == std::vector<std::uint16_t>{2, 3, 4, 5, 6});
    CHECK(numbers[2].size() == 4);
    CHECK(numbers[3].size() == 1);
}

TEST_CASE("a packet can be dropped at once when its own flow is the fattest")
{
    PacketPool pool;
    FairQueue queue{10 * small};
    for (int i = 0; i < 10; ++i) queue.push(packet(pool, static_cast<FlowHash>(i), 100));
    queue.push(packet(pool, 100, 60000));
    CHECK(queue.packets() == 10);
    CHECK(queue.dropped() == 1);
    CHECK(std::ranges::count(drain(queue), FlowHash{100}) == 0);
}

TEST_CASE("on a draw the flow that was just served loses, not the fresh one")
{
    PacketPool pool;
    FairQueue queue{2 * small};
    for (int i = 0; i < 2; ++i) queue.push(packet(pool, 1, 1514));
    static_cast<void>(queue.pop());
    static_cast<void>(queue.peek()); // moves flow 1, whose turn is over, to the steady round
    queue.push(packet(pool, 2, 100));
    queue.push(packet(pool, 3, 100));
    CHECK(drain(queue) == Flows{2, 3});
}

TEST_CASE("a cap below one packet drops everything")
{
    PacketPool pool;
    FairQueue queue{small - 1};
    queue.push(packet(pool, 1, 100));
    CHECK(queue.empty());
    CHECK(queue.dropped() == 1);
    CHECK(queue.peek() == nullptr);
    CHECK(queue.cost() == 0);
}

TEST_CASE("a dropped packet's buffer goes back to the pool")
{
    PacketPool pool;
    FairQueue queue{large};
    auto first = packet(pool, 1, 60000);
    const auto* const memory = first.buffer.room().data();
    queue.push(std::move(first));
    queue.push(packet(pool, 1, 60000));
    CHECK(pool.large().room().data() == memory);
}

TEST_CASE("flows of one bucket share a queue in their order")
{
    PacketPool pool;
    FairQueue queue;
    for (int i = 0; i < 2; ++i) {
        queue.push(packet(pool, 5, 1514));
        queue.push(packet(pool, 5 + FairQueue::buckets, 1514));
    }
    CHECK(drain(queue) == Flows{5, 5 + FairQueue::buckets, 5, 5 + FairQueue::buckets});
}

TEST_CASE("every bucket can be in use at once")
{
    PacketPool pool;
    FairQueue queue;
    for (int round = 0; round < 2; ++round) {
        for (FlowHash flow = 0; flow < FairQueue::buckets; ++flow)
            queue.push(packet(pool, flow, 1000));
        const auto order = drain(queue);
        CHECK(order.size() == FairQueue::buckets);
        CHECK(queue.dropped() == 0);
    }
}
