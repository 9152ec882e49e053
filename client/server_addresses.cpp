#include "client/server_addresses.hpp"

#include <spdlog/spdlog.h>
#include <utility>

namespace braid {

ServerAddresses::ServerAddresses(Loop& loop, std::vector<HostPort> endpoints, OnChange on_change)
    : loop_(loop), on_change_(std::move(on_change))
{
    for (HostPort& endpoint : endpoints) {
        const auto literal = Address::parse(endpoint.host);
        entries_.push_back({.endpoint = std::move(endpoint),
                            .addresses = literal ? std::vector{*literal} : std::vector<Address>{},
                            .literal = literal.has_value(),
                            .pending = nullptr});
    }
}

void ServerAddresses::refresh()
{
    for (Entry& entry : entries_) {
        if (entry.literal || entry.pending) continue;
        entry.pending = std::make_unique<Resolve>(
            loop_, entry.endpoint.host, [this, &entry](Result<std::vector<Address>> answer) {
                on_answer(entry, std::move(answer));
            });
    }
}

void ServerAddresses::on_answer(Entry& entry, Result<std::vector<Address>> answer)
{
    entry.pending.reset();
    if (answer) {
        entry.addresses = std::move(*answer);
        problem_.clear();
    } else {
        problem_ = answer.error().text();
        spdlog::warn("look-up failed host={} reason=\"{}\"", entry.endpoint.host, problem_);
    }
    on_change_();
}

std::vector<Endpoint> ServerAddresses::endpoints() const
{
    std::vector<Endpoint> all;
    for (const Entry& entry : entries_) {
        for (const Address& address : entry.addresses)
            all.push_back({address, entry.endpoint.port});
    }
    return all;
}

} // namespace braid
