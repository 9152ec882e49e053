#include "common/sys/netlink_attribute.hpp"

#include "common/sys/netlink.hpp"

#include <doctest/doctest.h>
#include <linux/rtnetlink.h>
#include <string>
#include <vector>

using namespace braid;

namespace {

/// "type:size " for each attribute of a sequence.
std::string listing(Bytes sequence)
{
    std::string text;
    for_each_attribute(sequence, [&](const NetlinkAttribute& attribute) {
        text += std::to_string(attribute.type) + ":" + std::to_string(attribute.value.size()) + " ";
    });
    return text;
}

NetlinkRequest sample()
{
    NetlinkRequest request{RTM_NEWADDR, NLM_F_CREATE};
    request.header<ifaddrmsg>().ifa_index = 5;
    request.put_text(1, "lo");
    request.put_u32(2, 0x01020304);
    request.nest(3, [&] {
        request.put_u8(4, 9);
        request.put_u16(5, 10);
    });
    return request;
}

} // namespace

TEST_CASE("a request reads back as it was put together, nested attributes too")
{
    auto request = sample();
    const nlmsghdr& message = *request.message();
    CHECK(message.nlmsg_type == RTM_NEWADDR);
    CHECK(message.nlmsg_flags == (NLM_F_REQUEST | NLM_F_CREATE));
    CHECK(netlink_header<ifaddrmsg>(message)->ifa_index == 5);
    std::string text;
    std::optional<std::uint32_t> number;
    std::string nested;
    for_each_attribute<ifaddrmsg>(message, [&](const NetlinkAttribute& attribute) {
        if (attribute.type == 1) text = attribute.text();
        if (attribute.type == 2) number = attribute.as<std::uint32_t>();
        if (attribute.type == 3) nested = listing(attribute.value);
    });
    CHECK(text == "lo");
    CHECK(number == 0x01020304u);
    CHECK(nested == "4:1 5:2 ");
}

TEST_CASE("a request that is moved stays whole")
{
    auto first = sample();
    const auto length = first.message()->nlmsg_len;
    auto second = std::move(first);
    second.put_u8(7, 1);
    CHECK(second.message()->nlmsg_len == length + 8);
}

TEST_CASE("values that are too short are absent, longer ones give their head")
{
    const std::array<std::byte, 3> three{std::byte{1}, std::byte{2}, std::byte{3}};
    const NetlinkAttribute attribute{1, three};
    CHECK(!attribute.as<std::uint32_t>());
    CHECK(attribute.as<std::uint8_t>() == 1);
    CHECK(NetlinkAttribute{}.text().empty());
}

TEST_CASE("every truncation of a sequence ends it without reading past its end")
{
    auto request = sample();
    const Bytes whole = netlink_payload(*request.message()).subspan(sizeof(ifaddrmsg));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        // A copy of exactly this size, so that the sanitizer sees a read beyond it.
        const std::vector<std::byte> cut(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto seen = listing(cut);
        CHECK(listing(whole).starts_with(seen));
        CHECK(seen.size() < listing(whole).size());
    }
}

TEST_CASE("an attribute shorter than its own head ends the sequence")
{
    const std::array<std::byte, 8> zeros{};
    CHECK(listing(zeros).empty());
}
