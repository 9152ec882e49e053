#include "client/usage_file.hpp"

#include "client/uplink_rank.hpp"
#include "common/admin/file.hpp"
#include "common/admin/json_text.hpp"

#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20; ///< bytes

/// None where there is no file yet.
Result<std::optional<DataUsage>> read_usage(const std::filesystem::path& file)
{
    const auto text = read_file(file, largest_file, Links::refuse);
    if (!text && text.error().code == std::errc::no_such_file_or_directory) return std::nullopt;
    if (!text) return fail(text.error());
    const auto json = parse_json(*text);
    if (!json) return fail(json.error());
    auto usage = DataUsage::from_json(*json);
    if (!usage) return fail(usage.error());
    return std::move(*usage);
}

} // namespace

DataUsage::Day local_today()
{
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm date{};
    ::tzset(); // a laptop travels, and localtime_r(3) need not look
    ::localtime_r(&now, &date);
    constexpr int first_year = 1900;
    return std::chrono::year{date.tm_year + first_year} /
           std::chrono::month{static_cast<unsigned>(date.tm_mon) + 1} /
           std::chrono::day{static_cast<unsigned>(date.tm_mday)};
}

UsageFile::UsageFile(Loop& loop, std::optional<std::filesystem::path> file)
    : loop_(loop),
      file_(std::move(file)),
      save_timer_(loop, [this] { save(); }),
      day_timer_(loop, [this] { today_ = local_today(); })
{
    day_timer_.every(1s);
    if (!file_) return;
    load();
    saved_ = text();
    const auto folder = file_->parent_path();
    if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) < 0)
        on_saved(fail_errno("access", folder.native()));
    save_timer_.every(save_period);
}

UsageFile::~UsageFile()
{
    saving_.reset();
    if (!file_ || (text() == saved_ && !failing_)) return;
    on_saved(replace_file(*file_, text(), Sync::yes));
}

void UsageFile::count(const std::string& interface, std::uint64_t total_bytes)
{
    const auto before = std::exchange(totals_[interface], total_bytes);
    usage_.add(interface, total_bytes > before ? total_bytes - before : 0, today_);
}

DataUsage::Usage UsageFile::usage(const UplinkConfig& uplink) const
{
    return usage_.usage(uplink, today_);
}

void UsageFile::count(const TrafficLedger& ledger, const std::vector<Uplink>& uplinks)
{
    for (const Uplink& uplink : uplinks) {
        const auto totals = ledger.totals(uplink.interface);
        count(uplink.interface, totals.tx_bytes + totals.rx_bytes);
    }
}

std::vector<DataUsage::Usage> UsageFile::usage(const UplinksConfig& config,
                                               const std::vector<RankedUplink>& uplinks) const
{
    std::vector<DataUsage::Usage> all;
    for (const RankedUplink& each : uplinks)
        all.push_back(usage(uplink_config(config, each.uplink.interface)));
    return all;
}

void UsageFile::load()
{
    auto usage = read_usage(*file_);
    if (usage) {
        if (*usage) usage_ = std::move(**usage);
        return;
    }
    const bool damaged = usage.error().code.category() == std::generic_category();
    auto aside = *file_;
    aside += ".damaged";
    std::error_code code;
    if (damaged) std::filesystem::rename(*file_, aside, code);
    spdlog::warn("data counts are not known: they begin anew path={} reason=\"{}\"{}",
                 file_->native(), usage.error().text(),
                 damaged && !code ? " now=" + aside.native() : "");
}

void UsageFile::save()
{
    auto fresh = text();
    if (saving_ || (fresh == saved_ && !failing_)) return;
    saved_ = fresh;
    saving_.emplace(
        loop_,
        [file = *file_, fresh = std::move(fresh)] { return replace_file(file, fresh, Sync::yes); },
        [this](const Status& outcome) {
            on_saved(outcome);
            saving_.reset();
        });
}

void UsageFile::on_saved(const Status& outcome)
{
    if (!outcome && !failing_)
        spdlog::warn("data counts are not kept reason=\"{}\"", outcome.error().text());
    failing_ = !outcome;
}

std::string UsageFile::text() const
{
    return usage_.to_json().dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace braid
