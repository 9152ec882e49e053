/// The control socket: a Unix stream socket on which a daemon answers one JSON request per line
/// with one JSON reply per line.
#pragma once

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/sys/fd.hpp"
#include "common/sys/loop.hpp"

#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace braid {

constexpr std::size_t max_request_size = std::size_t{64} * 1024;     ///< bytes of a request line
constexpr std::size_t max_reply_size = std::size_t{4} * 1024 * 1024; ///< bytes of a reply line
constexpr std::size_t max_control_connections = 16; ///< further ones wait in the backlog
constexpr auto control_idle_time = 5s; ///< a connection that sends or takes nothing is closed

/// PURE. A request line as JSON: an object whose "request" is text, as deep as parse_json() takes.
/// Errors: invalid_argument.
[[nodiscard]] Result<nlohmann::json> parse_request(std::string_view line);

/// PURE. A request or reply as the line that is sent, whatever bytes its strings have.
[[nodiscard]] std::string control_line(const nlohmann::json& message);

/// {"ok": false, "error": ..., "hint": ...}
[[nodiscard]] nlohmann::json error_reply(const Error& error);

/// The daemon's side. Timers: `idle` of each connection starts with each readiness and closes
/// an idle one; `resume_` starts when accepting fails for want of descriptors and accepts again.
class ControlServer {
public:
    /// Yields the reply, with "ok". Called on the loop's thread. It must not destroy the server.
    using Handler = std::function<nlohmann::json(const nlohmann::json& request)>;

    /// Listens on `socket` with mode 0660 and replaces what a dead daemon left there: the
    /// caller holds the instance lock. The folder must exist. Errors: filename_too_long;
    /// file_exists, there is another kind of file; the system's.
    [[nodiscard]] static Result<std::unique_ptr<ControlServer>>
    open(Loop& loop, std::filesystem::path socket, Handler handler);
    /// On a listening socket that open() has made.
    ControlServer(Loop& loop, Fd listener, std::filesystem::path socket, Handler handler);
    ~ControlServer(); ///< removes the socket file
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

private:
    struct Connection;
    void accept();
    void serve(int fd);
    [[nodiscard]] nlohmann::json answer(const std::string& line);
    void close(int fd);

    Loop& loop_;
    Fd listener_;
    std::filesystem::path socket_;
    Handler handler_;
    std::list<Connection> connections_;
    FdWatch watch_;
    Timer resume_;
};

/// The other side: sends one request and waits for its reply (blocking).
/// Errors: what the daemon replied when not "ok"; no_such_file_or_directory or
/// connection_refused when no daemon runs (see is_not_running); permission_denied; timed_out;
/// protocol_error when the reply makes no sense, or is too deep (parse_json()). Its texts may hold
/// control characters.
[[nodiscard]] Result<nlohmann::json> control_request(const std::filesystem::path& socket,
                                                     const nlohmann::json& request,
                                                     Duration timeout);

/// True when an error of control_request says that no daemon listens.
[[nodiscard]] bool is_not_running(const Error& error);

} // namespace braid
