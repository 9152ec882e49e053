#include "common/queue/packet_pool.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <utility>
#include <vector>

using namespace braid;

namespace {

PacketBuffer filled(PacketPool& pool, std::size_t offset, std::size_t size)
{
    auto buffer = pool.large();
    buffer.set(offset, size);
    std::ranges::fill(buffer.room().subspan(offset, size), std::byte{0x45});
    return buffer;
}

} // namespace

TEST_CASE("a large buffer has room for the largest packet")
{
    PacketPool pool;
    auto buffer = pool.large();
    CHECK(buffer);
    CHECK(buffer.room().size() == PacketPool::large_room);
    CHECK(buffer.cost() == PacketPool::large_room);
    CHECK(buffer.size() == 0);
    CHECK(buffer.bytes().empty());
}

TEST_CASE("set declares which part of the room is the packet")
{
    PacketPool pool;
    auto buffer = pool.large();
    buffer.set(10, 1500);
    CHECK(buffer.size() == 1500);
    CHECK(buffer.bytes().data() == buffer.room().data() + 10);
    buffer.set(0, PacketPool::large_room);
    CHECK(buffer.bytes().size() == PacketPool::large_room);
}

TEST_CASE("a buffer that has died is lent again, as an empty one")
{
    PacketPool pool;
    const std::byte* first = nullptr;
    {
        auto buffer = filled(pool, 10, 100);
        first = buffer.room().data();
    }
    auto again = pool.large();
    CHECK(again.room().data() == first);
    CHECK(again.size() == 0);
}

TEST_CASE("a packet moves into the smallest buffer that it fits")
{
    struct Case {
        std::size_t size;
        std::size_t room;
    };
    const std::vector<Case> cases{
        {1, PacketPool::small_room},
        {PacketPool::small_room, PacketPool::small_room},
        {PacketPool::small_room + 1, PacketPool::medium_room},
        {PacketPool::medium_room, PacketPool::medium_room},
    };
    for (const auto& sample : cases) {
        CAPTURE(sample.size);
        PacketPool pool;
        auto moved = pool.shrink(filled(pool, 10, sample.size));
        CHECK(moved.cost() == sample.room);
        CHECK(moved.size() == sample.size);
        CHECK(moved.bytes().data() == moved.room().data());
        CHECK(std::ranges::all_of(moved.bytes(), [](auto b) { return b == std::byte{0x45}; }));
    }
}

TEST_CASE("a packet that fits no smaller buffer stays")
{
    PacketPool pool;
    auto large = filled(pool, 10, PacketPool::medium_room + 1);
    const auto* const bytes = large.bytes().data();
    large = pool.shrink(std::move(large));
    CHECK(large.bytes().data() == bytes);
    CHECK(large.size() == PacketPool::medium_room + 1);
}

TEST_CASE("a medium buffer shrinks as a large one does")
{
    PacketPool pool;
    auto medium = pool.shrink(filled(pool, 0, 3000));
    const auto* const memory = medium.room().data();
    medium = pool.shrink(std::move(medium));
    CHECK(medium.room().data() == memory);
    medium.set(1, 2000);
    CHECK(pool.shrink(std::move(medium)).cost() == PacketPool::small_room);
}

TEST_CASE("shrinking a small, an unfilled or an empty buffer is harmless")
{
    PacketPool pool;
    auto small = pool.shrink(filled(pool, 0, 100));
    const auto* const memory = small.room().data();
    small = pool.shrink(std::move(small));
    CHECK(small.room().data() == memory);
    CHECK(pool.shrink(pool.large()).size() == 0);
    CHECK_FALSE(pool.shrink(PacketBuffer{}));
}

TEST_CASE("a warm pool lends the same memory again and again")
{
    PacketPool pool;
    const auto* const large = pool.large().room().data();
    const auto* const medium = pool.shrink(filled(pool, 0, 10000)).room().data();
    const auto* const small = pool.shrink(filled(pool, 0, 100)).room().data();
    for (int i = 0; i < 100; ++i) {
        auto buffer = filled(pool, 10, 10000);
        CHECK(buffer.room().data() == large);
        buffer = pool.shrink(std::move(buffer));
        CHECK(buffer.room().data() == medium);
        buffer.set(0, 100);
        CHECK(pool.shrink(std::move(buffer)).room().data() == small);
    }
}

TEST_CASE("a moved-from buffer is empty, and what is assigned over goes back")
{
    PacketPool pool;
    auto first = filled(pool, 0, 100);
    auto second = filled(pool, 0, 200);
    const auto* const freed = second.room().data();
    second = std::move(first);
    CHECK(second.size() == 100);
    CHECK_FALSE(first); // NOLINT(bugprone-use-after-move): emptiness is the point
    CHECK(first.bytes().empty());
    CHECK(first.cost() == 0);
    CHECK(pool.large().room().data() == freed);

    PacketBuffer& self = second;
    second = std::move(self);
    CHECK(second.size() == 100);
}

TEST_CASE("more buffers than are kept can be lent")
{
    PacketPool pool;
    std::vector<PacketBuffer> buffers;
    for (const auto& [room, kept] : PacketPool::classes) {
        for (std::size_t i = 0; i < kept + 10; ++i)
            buffers.push_back(pool.shrink(filled(pool, 0, room)));
        buffers.clear();
    }
    CHECK(pool.large());
}
