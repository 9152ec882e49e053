/// Building blocks of the human status tables: aligned columns, and JSON values in units that
/// people read. PURE.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

/// Rows of cells. Columns are as wide as their widest cell and two spaces apart; control
/// characters show as '?', empty cells as "-".
class TextTable {
public:
    explicit TextTable(std::vector<std::string> heading = {});
    void add(std::vector<std::string> row);
    /// Each row on a line, without spaces at its end, `indent` spaces before it.
    [[nodiscard]] std::string text(std::size_t indent = 0) const;

private:
    std::vector<std::vector<std::string>> rows_;
};

/// The member of an object; null when there is none, or `object` is none.
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* key);

/// Text as it is, a truth as "yes" or "no", a list joined by ", ", null and "" as "-".
[[nodiscard]] std::string plain_text(const nlohmann::json& value);
/// The object `privileges` as "user braid, cap_net_admin, no_new_privs, seccomp".
[[nodiscard]] std::string privileges_text(const nlohmann::json& privileges);
/// The object `crypto` as "aes-256-gcm by libcrypto 3.0.17, chacha20-poly1305 by ..."; of a cipher
/// that is not null only this one.
[[nodiscard]] std::string crypto_text(const nlohmann::json& crypto, const nlohmann::json& cipher);
/// The object `workers` as "1", "auto, not in use" or "3, in use: 2 beside the loop".
[[nodiscard]] std::string workers_text(const nlohmann::json& workers);
/// Bytes as "999 B", "1.2 kB", "34.5 MB", "1.2 GB" (powers of 1000).
[[nodiscard]] std::string bytes_text(const nlohmann::json& bytes);
/// Microseconds as "21.3 ms"; 0 is "-", no sample yet.
[[nodiscard]] std::string rtt_text(const nlohmann::json& rtt_us);
/// A part of 1 as "0.4 %", from a tenth on as "63 %".
[[nodiscard]] std::string percent_text(const nlohmann::json& part);
/// Seconds, whole or not, as "5 s", "3 min", "2 h", "4 d".
[[nodiscard]] std::string span_text(const nlohmann::json& seconds);
/// Seconds ago as "5 s ago", "3 min ago", "2 h ago", "4 d ago"; null is "never".
[[nodiscard]] std::string ago_text(const nlohmann::json& seconds);

} // namespace braid
