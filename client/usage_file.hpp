/// The data usage of the uplinks in a file that outlives the daemon.
#pragma once

#include "client/data_usage.hpp"
#include "client/link_table.hpp"
#include "client/path_plan.hpp"
#include "client/traffic_ledger.hpp"
#include "common/sys/loop.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace braid {

/// The local day of this moment.
[[nodiscard]] DataUsage::Day local_today();

/// Counts, and keeps what is counted in a file: loaded at once, saved off the loop's thread at most
/// every save_period when something has changed, and at the end. A file that makes no sense is
/// renamed (.damaged), with a warning. Where the file cannot be read or written, which is warned
/// of, counts last as long as this object.
///
/// Timers, both for this object's life: save_timer_ runs every save_period and saves what has
/// changed; day_timer_ runs every second and looks at the calendar, which costs a system call.
class UsageFile {
public:
    static constexpr Duration save_period = 30s;

    /// `file`: none keeps nothing.
    UsageFile(Loop& loop, std::optional<std::filesystem::path> file);
    ~UsageFile(); ///< saves; blocks as long as the disk does
    UsageFile(const UsageFile&) = delete;
    UsageFile& operator=(const UsageFile&) = delete;

    /// What the uplink has carried in all since this object was made: counts what is new of it.
    void count(const std::string& interface, std::uint64_t total_bytes);
    /// As above, of each uplink what the ledger says.
    void count(const TrafficLedger& ledger, const std::vector<Uplink>& uplinks);
    /// Today's.
    [[nodiscard]] DataUsage::Usage usage(const UplinkConfig& uplink) const;
    /// As above, of each uplink.
    [[nodiscard]] std::vector<DataUsage::Usage>
    usage(const UplinksConfig& config, const std::vector<RankedUplink>& uplinks) const;

private:
    void load();
    void save();
    void on_saved(const Status& outcome);
    [[nodiscard]] std::string text() const;

    Loop& loop_;
    std::optional<std::filesystem::path> file_;
    DataUsage usage_;
    std::map<std::string, std::uint64_t> totals_; ///< as counted last
    DataUsage::Day today_ = local_today();
    std::string saved_;    ///< the file's text, or the one being written
    bool failing_ = false; ///< and that has been told
    std::optional<PoolTask> saving_;
    Timer save_timer_;
    Timer day_timer_;
};

} // namespace braid
