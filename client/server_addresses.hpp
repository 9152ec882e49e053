/// The server's addresses behind the configured endpoints. Names are looked up again at every
/// refresh; an answer that was once right is kept while a new one fails, because the way to the
/// name server may lead through the very tunnel that is down.
#pragma once

#include "common/base/ip.hpp"
#include "common/sys/loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace braid {

class ServerAddresses {
public:
    /// Called for each look-up that ends.
    using OnChange = std::function<void()>;
    ServerAddresses(Loop& loop, std::vector<HostPort> endpoints, OnChange on_change);

    /// Starts looking up every name that is not being looked up already.
    void refresh();
    /// All known addresses, in the order of the config.
    [[nodiscard]] std::vector<Endpoint> endpoints() const;
    /// Why the last look-up failed; empty when it did not.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

private:
    struct Entry {
        HostPort endpoint;
        std::vector<Address> addresses;
        bool literal = false; ///< the host is an address: nothing to look up
        std::unique_ptr<Resolve> pending;
    };
    void on_answer(Entry& entry, Result<std::vector<Address>> answer);

    Loop& loop_;
    std::vector<Entry> entries_; ///< never resized: pending look-ups refer to their entry
    OnChange on_change_;
    std::string problem_;
};

} // namespace braid
