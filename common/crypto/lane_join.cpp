#include "common/crypto/lane_join.hpp"

#include "common/crypto/derive.hpp"
#include "common/crypto/handshake_fault.hpp"

#include <algorithm>
#include <cassert>

namespace braid {

namespace {

constexpr std::size_t proof_size = 32;
static_assert(lane_join_size ==
              unit_header_size + LaneTicket{}.size() + JoinNonce{}.size() + proof_size);
static_assert(lane_accept_size == unit_header_size + JoinNonce{}.size() + proof_size);

/// The client's nonce and then the server's: what makes a lane's keys fresh.
using BothNonces = std::array<std::byte, 2 * JoinNonce{}.size()>;

[[nodiscard]] BothNonces join_nonces(const JoinNonce& client, const JoinNonce& server) noexcept
{
    BothNonces both{};
    std::ranges::copy(client, both.begin());
    std::ranges::copy(server, both.begin() + client.size());
    return both;
}

[[nodiscard]] LaneTicket make_ticket(const Secret<32>& lane_secret)
{
    const auto whole = derive(lane_secret, "braid ticket");
    LaneTicket ticket{};
    std::ranges::copy(whole.bytes().first<LaneTicket{}.size()>(), ticket.begin());
    return ticket;
}

[[nodiscard]] Secret<32> join_proof(const Secret<32>& lane_secret, const JoinNonce& client)
{
    return derive(lane_secret, "braid join", client);
}

[[nodiscard]] Secret<32> accept_proof(const Secret<32>& lane_secret, const BothNonces& nonces)
{
    return derive(lane_secret, "braid accept", nonces);
}

[[nodiscard]] LaneSecrets make_secrets(const Secret<32>& lane_secret, const BothNonces& nonces)
{
    const auto root = derive(lane_secret, "braid keys", nonces);
    return {.client_to_server = derive(root, "braid client"),
            .server_to_client = derive(root, "braid server")};
}

} // namespace

Secret<32> LaneChain::next()
{
    auto lane_secret = derive(secret_, "braid lane");
    secret_ = derive(secret_, "braid chain");
    return lane_secret;
}

ClientJoin::ClientJoin(Secret<32> lane_secret, FillRandom random)
    : lane_secret_(std::move(lane_secret)), random_(std::move(random))
{
}

Result<std::size_t> ClientJoin::start(MutBytes out)
{
    assert(out.size() >= lane_join_size);
    if (state_ != State::fresh) return fail(handshake_fault::malformed, "lane join: sent before");

    random_(nonce_);
    WireWriter writer{out.first(lane_join_size)};
    write_unit_header(writer.skip(unit_header_size), UnitType::lane_join,
                      lane_join_size - unit_header_size);
    writer.bytes(make_ticket(lane_secret_));
    writer.bytes(nonce_);
    writer.bytes(join_proof(lane_secret_, nonce_).bytes());
    assert(writer.ok());

    state_ = State::started;
    return lane_join_size;
}

Result<LaneSecrets> ClientJoin::on_reply(Bytes unit)
{
    if (state_ != State::started)
        return fail(handshake_fault::malformed, "lane accept: not expected");
    if (!is_unit(unit, UnitType::lane_accept, lane_accept_size))
        return fail(handshake_fault::malformed, "lane accept: malformed");

    WireReader in{unit.subspan(unit_header_size)};
    const auto nonces = join_nonces(nonce_, in.array<JoinNonce{}.size()>());
    if (!equal_in_constant_time(in.rest(), accept_proof(lane_secret_, nonces).bytes()))
        return fail(handshake_fault::not_authentic, "lane accept: not authentic");

    auto secrets = make_secrets(lane_secret_, nonces);
    lane_secret_.clear();
    state_ = State::done;
    return secrets;
}

Result<LaneTicket> ticket_of(Bytes unit)
{
    if (!is_unit(unit, UnitType::lane_join, lane_join_size))
        return fail(handshake_fault::malformed, "lane join: malformed");
    return WireReader{unit.subspan(unit_header_size)}.array<LaneTicket{}.size()>();
}

LaneWindow::LaneWindow(Secret<32> session_secret) : chain_(std::move(session_secret))
{
    draw_to(reach);
}

std::vector<LaneTicket> LaneWindow::tickets() const
{
    std::vector<LaneTicket> all;
    all.reserve(entries_.size());
    for (const Entry& entry : entries_) all.push_back(entry.ticket);
    return all;
}

Result<LaneSecrets> LaneWindow::accept(Bytes unit, MutBytes out, const FillRandom& random)
{
    assert(out.size() >= lane_accept_size);
    const auto ticket = ticket_of(unit);
    if (!ticket) return fail(ticket.error());
    const Entry* entry = find(*ticket);
    if (entry == nullptr)
        return fail(handshake_fault::not_authentic, "lane join: unknown or used ticket");

    WireReader in{unit.subspan(unit_header_size + ticket->size())};
    const auto client_nonce = in.array<JoinNonce{}.size()>();
    if (!equal_in_constant_time(in.rest(), join_proof(entry->lane_secret, client_nonce).bytes()))
        return fail(handshake_fault::not_authentic, "lane join: not authentic");

    JoinNonce own_nonce{};
    random(own_nonce);
    const auto nonces = join_nonces(client_nonce, own_nonce);
    WireWriter writer{out.first(lane_accept_size)};
    write_unit_header(writer.skip(unit_header_size), UnitType::lane_accept,
                      lane_accept_size - unit_header_size);
    writer.bytes(own_nonce);
    writer.bytes(accept_proof(entry->lane_secret, nonces).bytes());
    assert(writer.ok());

    auto secrets = make_secrets(entry->lane_secret, nonces);
    take(entry->number);
    return secrets;
}

const LaneWindow::Entry* LaneWindow::find(const LaneTicket& ticket) const noexcept
{
    const auto found = std::ranges::find(entries_, ticket, &Entry::ticket);
    return found == entries_.end() ? nullptr : &*found;
}

void LaneWindow::take(std::uint64_t number)
{
    newest_ = std::max(newest_, number);
    std::erase_if(entries_, [&](const Entry& entry) {
        return entry.number == number || entry.number + reach < newest_;
    });
    draw_to(newest_ + reach);
}

void LaneWindow::draw_to(std::uint64_t number)
{
    while (drawn_ < number) {
        Entry entry{.number = ++drawn_, .lane_secret = chain_.next(), .ticket = {}};
        entry.ticket = make_ticket(entry.lane_secret);
        entries_.push_back(std::move(entry));
    }
}

} // namespace braid
