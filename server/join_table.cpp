#include "server/join_table.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

namespace braid {

std::size_t JoinTable::TicketHash::operator()(const LaneTicket& ticket) const noexcept
{
    std::size_t hash = 0;
    std::memcpy(&hash, ticket.data(), sizeof hash);
    return hash;
}

void JoinTable::open(std::size_t peer, Session session, TimePoint now)
{
    close(peer);
    const auto [entry, fresh] =
        sessions_.emplace(peer, Entry{session.id, session.cipher,
                                      LaneWindow{std::move(session.secret)}, now + session_life});
    list(peer, entry->second);
}

void JoinTable::close(std::size_t peer)
{
    const auto entry = sessions_.find(peer);
    if (entry == sessions_.end()) return;
    unlist(entry->second);
    sessions_.erase(entry);
}

void JoinTable::expire(TimePoint now)
{
    std::vector<std::size_t> expired;
    for (const auto& [peer, entry] : sessions_)
        if (entry.ends <= now) expired.push_back(peer);
    for (const std::size_t peer : expired) close(peer);
}

Result<JoinedLane> JoinTable::join(Bytes unit, MutBytes out, TimePoint now)
{
    const auto ticket = ticket_of(unit);
    if (!ticket) return fail(ticket.error());
    const auto owner = peers_.find(*ticket);
    if (owner == peers_.end())
        return fail(handshake_fault::not_authentic, "lane join: no session takes it");
    const std::size_t peer = owner->second;
    Entry& entry = sessions_.at(peer);
    if (entry.ends <= now)
        return fail(handshake_fault::not_authentic, "lane join: the session is too old");
    const TimePoint full_at = std::max(entry.joins_full_at, now) + join_every;
    if (full_at > now + joins_at_once * join_every)
        return fail(std::errc::resource_unavailable_try_again,
                    "lane join: too many of this session");

    const auto before = entry.window.tickets();
    auto secrets = entry.window.accept(unit, out);
    if (!secrets) return fail(secrets.error());
    entry.joins_full_at = full_at;
    for (const LaneTicket& each : before) peers_.erase(each);
    list(peer, entry);
    return JoinedLane{peer, entry.id, entry.cipher, std::move(*secrets)};
}

bool JoinTable::holds(std::size_t peer, const SessionId& session) const
{
    const auto entry = sessions_.find(peer);
    return entry != sessions_.end() && entry->second.id == session;
}

void JoinTable::list(std::size_t peer, const Entry& entry)
{
    for (const LaneTicket& ticket : entry.window.tickets()) peers_.emplace(ticket, peer);
}

void JoinTable::unlist(const Entry& entry)
{
    for (const LaneTicket& ticket : entry.window.tickets()) peers_.erase(ticket);
}

} // namespace braid
