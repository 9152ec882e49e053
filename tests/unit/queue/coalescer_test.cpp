#include "common/queue/coalescer.hpp"

#include "tests/unit/wire/segmentation.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <vector>

using namespace braid;
using namespace braid::test;

namespace {

/// A coalescer, and what comes out of it.
struct Joiner {
    struct Output {
        Buffer packet;
        Offload offload;
        std::size_t cost = 0;
    };

    void add(FlowHash flow, const Buffer& packet, const Offload& offload = {})
    {
        PacketBuffer buffer = pool.large();
        std::ranges::copy(packet, buffer.room().begin() + 10);
        buffer.set(10, packet.size());
        coalescer.add({.buffer = std::move(buffer), .offload = offload, .flow = flow},
                      parse_packet(packet).value(), false);
    }
    /// All that came out for a flow, cut as the far kernel cuts it.
    [[nodiscard]] std::vector<Buffer> cut_of(FlowHash flow)
    {
        std::vector<Buffer> packets;
        for (const Output& each : outputs[flow])
            std::ranges::move(cut(each.packet, each.offload), std::back_inserter(packets));
        return packets;
    }

    PacketPool pool;
    std::map<FlowHash, std::vector<Output>> outputs;
    Coalescer coalescer{pool, [this](QueuedPacket packet, const PacketInfo& info) {
                            const Bytes bytes = packet.buffer.bytes();
                            CHECK(parse_packet(bytes)->source == info.source);
                            outputs[packet.flow].push_back({{bytes.begin(), bytes.end()},
                                                            packet.offload,
                                                            packet.buffer.cost()});
                        }};
};

} // namespace

TEST_CASE("packets of some flows, mixed, become one super-packet each when the turn ends")
{
    Joiner joiner;
    std::vector<PacketSource> sources(4);
    for (std::uint8_t i = 0; i < sources.size(); ++i) sources[i].host = i;
    std::map<FlowHash, std::vector<Buffer>> sent;
    for (int round = 0; round < 5; ++round)
        for (FlowHash flow = 0; flow < sources.size(); ++flow) {
            sent[flow].push_back(sources[flow].next(1400));
            joiner.add(flow, sent[flow].back());
        }
    CHECK(joiner.outputs.empty());
    joiner.coalescer.flush();
    for (FlowHash flow = 0; flow < sources.size(); ++flow) {
        REQUIRE(joiner.outputs[flow].size() == 1);
        CHECK(joiner.outputs[flow][0].cost == PacketPool::medium_room);
        CHECK(joiner.cut_of(flow) == sent[flow]);
    }
}

TEST_CASE("a packet alone goes as it came, in the smallest buffer")
{
    Joiner joiner;
    PacketSource source{.is_udp = true};
    const Buffer packet = source.next(1000);
    joiner.add(1, packet);
    joiner.coalescer.flush();
    REQUIRE(joiner.outputs[1].size() == 1);
    CHECK(joiner.outputs[1][0].packet == packet);
    CHECK(joiner.outputs[1][0].offload == Offload{});
    CHECK(joiner.outputs[1][0].cost == PacketPool::small_room);
}

TEST_CASE("a super-packet of the host goes at once, behind what waits of its flow")
{
    Joiner joiner;
    PacketSource source;
    const Buffer before = source.next(1400);
    const Buffer super_packet = source.next(9000);
    const Offload offload{
        .needs_checksum = true, .ecn = true, .gso = Gso::tcp4, .segment_size = 1400};
    joiner.add(1, before);
    joiner.add(1, super_packet, offload);
    REQUIRE(joiner.outputs[1].size() == 2);
    CHECK(joiner.outputs[1][0].packet == before);
    CHECK(joiner.outputs[1][1].packet == super_packet);
    CHECK(joiner.outputs[1][1].offload == offload);
}

TEST_CASE("whatever comes, each flow's packets come out as they went in, and in order")
{
    constexpr FlowHash flows = 12; // more than can be open
    static_assert(flows > Coalescer::most_open);
    std::mt19937 random{4}; // NOLINT: the same each time
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    Joiner joiner;
    std::vector<PacketSource> sources(flows);
    for (std::uint8_t i = 0; i < flows; ++i)
        sources[i] = {.v4 = i % 2 == 0, .is_udp = i % 4 < 2, .host = i};
    std::map<FlowHash, std::vector<Buffer>> sent;
    std::size_t packets = 0;
    FlowHash flow = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (one_in(3)) flow = random() % flows;
        PacketSource& source = sources[flow];
        if (one_in(30)) source.sequence += 1000; // a loss
        const std::size_t payload = one_in(10) ? 1 + random() % 1400 : flow % 3 == 0 ? 64 : 1400;
        Buffer packet = source.next(payload, one_in(20) ? 0x18 : 0x10);
        if (one_in(50)) packet.back() ^= std::byte{1};
        joiner.add(flow, packet);
        sent[flow].push_back(std::move(packet));
        ++packets;
        if (one_in(40)) joiner.coalescer.flush();
    }
    joiner.coalescer.flush();
    std::size_t outputs = 0;
    for (const auto& [each, packets_of_flow] : sent) {
        CHECK(joiner.cut_of(each) == packets_of_flow);
        outputs += joiner.outputs[each].size();
    }
    CHECK(outputs < packets / 2);
}
