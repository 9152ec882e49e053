/// Bytes that each uplink has carried, over the lives of its subflows. PURE.
#pragma once

#include "client/path_driver.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace braid {

class TrafficLedger {
public:
    struct Totals {
        std::uint64_t tx_bytes = 0; ///< with retransmissions
        std::uint64_t rx_bytes = 0;
        std::uint32_t rtt_us = 0; ///< of the living subflow; 0 without one
    };

    /// The subflows that live now. One that was there before and is missing has ended: what it
    /// carried until then stays in the books.
    void update(const std::vector<SubflowView>& living);

    [[nodiscard]] Totals totals(const std::string& interface) const;

    /// Called once a second: what share() goes back to.
    void mark();
    /// What part of all bytes of the last `window` marks it carried, 0 to 1.
    [[nodiscard]] double share(const std::string& interface) const;
    static constexpr std::size_t window = 10;

private:
    [[nodiscard]] std::map<std::string, std::uint64_t> bytes() const;

    using Key = std::pair<Endpoint, Endpoint>; ///< local, remote
    std::map<std::string, Totals> ended_;
    std::map<Key, SubflowView> living_;
    std::deque<std::map<std::string, std::uint64_t>> marks_; ///< bytes by uplink, oldest first
};

} // namespace braid
