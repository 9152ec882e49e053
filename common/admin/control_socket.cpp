#include "common/admin/control_socket.hpp"

#include "common/admin/json_text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace braid {
namespace {

constexpr mode_t socket_mode = 0660;
constexpr int backlog = 16;           ///< connections that wait to be accepted
constexpr auto connect_period = 10ms; ///< between attempts while the backlog is full
constexpr auto accept_pause = 1s;     ///< when no descriptor is left for another

Result<sockaddr_un> address_of(const std::filesystem::path& socket)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& path = socket.native();
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(std::errc::filename_too_long, "control socket " + path);
    std::ranges::copy(path, address.sun_path);
    return address;
}

const sockaddr* generic(const sockaddr_un& address)
{
    return reinterpret_cast<const sockaddr*>(&address);
}

tl::unexpected<Error> bad_request(std::string what)
{
    return fail(std::errc::invalid_argument, "request: " + std::move(what));
}

/// Milliseconds for poll(2), rounded up so that it does not spin at the end.
int poll_ms(Duration wait)
{
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, 3'600'000));
}

} // namespace

std::string control_line(const nlohmann::json& message)
{
    return message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<nlohmann::json> parse_request(std::string_view line)
{
    if (line.size() > max_request_size) return bad_request("longer than 64 KiB");
    auto request = parse_json(line);
    if (!request) return bad_request(request.error().what);
    if (!request->is_object()) return bad_request("not a JSON object");
    const auto name = request->find("request");
    if (name == request->end() || !name->is_string()) return bad_request("no \"request\" text");
    return request;
}

nlohmann::json error_reply(const Error& error)
{
    nlohmann::json reply{{"ok", false}, {"error", error.text()}};
    if (!error.hint.empty()) reply["hint"] = error.hint;
    return reply;
}

/// One client of the socket. Reads a line, answers it, and reads on when the answer is gone.
struct ControlServer::Connection {
    Fd socket;
    std::string received{};
    std::string unsent{};
    bool ended = false; ///< nothing more will be read
    Timer idle;
    FdWatch watch;

    /// Sends what the socket takes. False when the other side has gone.
    bool flush()
    {
        while (!unsent.empty()) {
            const auto put = ::send(socket.get(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return errno == EAGAIN;
            unsent.erase(0, static_cast<std::size_t>(put));
        }
        return true;
    }

    /// Reads once. False when the connection has failed.
    bool receive()
    {
        std::array<char, 4096> chunk{};
        const auto got = ::recv(socket.get(), chunk.data(), chunk.size(), 0);
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        ended = got == 0;
        received.append(chunk.data(), static_cast<std::size_t>(got));
        return true;
    }

    /// The next whole line, without its end.
    std::optional<std::string> take_line()
    {
        const auto end = received.find('\n');
        if (end == std::string::npos) return std::nullopt;
        std::string line = received.substr(0, end);
        received.erase(0, end + 1);
        return line;
    }
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop, std::filesystem::path socket,
                                                           Handler handler)
{
    const auto address = address_of(socket);
    if (!address) return fail(address.error());
    struct stat about {};
    if (::lstat(socket.c_str(), &about) == 0 && !S_ISSOCK(about.st_mode))
        return fail(std::errc::file_exists,
                    "control socket " + socket.native() + ": there is a file that is no socket");
    ::unlink(socket.c_str()); // what a dead daemon left; the lock says that it is dead

    Fd listener{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!listener) return fail_errno("socket", "AF_UNIX");
    if (::bind(listener.get(), generic(*address), sizeof *address) < 0)
        return fail_errno("bind", socket.native());
    // Before listen(), so that nobody connects while the umask's mode still holds.
    if (::chmod(socket.c_str(), socket_mode) < 0) return fail_errno("chmod", socket.native());
    if (::listen(listener.get(), backlog) < 0) return fail_errno("listen", socket.native());
    return std::make_unique<ControlServer>(loop, std::move(listener), std::move(socket),
                                           std::move(handler));
}

ControlServer::ControlServer(Loop& loop, Fd listener, std::filesystem::path socket, Handler handler)
    : loop_(loop),
      listener_(std::move(listener)),
      socket_(std::move(socket)),
      handler_(std::move(handler)),
      watch_(loop, listener_.get(), [this](Interest) { accept(); }),
      resume_(loop, [this] { watch_.want({.readable = true}); })
{
    watch_.want({.readable = true});
}

ControlServer::~ControlServer()
{
    ::unlink(socket_.c_str());
}

void ControlServer::accept()
{
    Fd client{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    const bool passing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (!client && !passing) {
        watch_.want({});
        resume_.once(accept_pause);
    }
    if (!client) return;

    const int fd = client.get();
    Connection& added = connections_.emplace_front(Connection{
        .socket = std::move(client),
        .idle = Timer{loop_, [this, fd] { close(fd); }},
        .watch = FdWatch{loop_, fd, [this, fd](Interest) { serve(fd); }},
    });
    added.watch.want({.readable = true});
    added.idle.once(control_idle_time);
    if (connections_.size() >= max_control_connections) watch_.want({});
}

void ControlServer::serve(int fd)
{
    const auto found = std::ranges::find(
        connections_, fd, [](const Connection& connection) { return connection.socket.get(); });
    Connection& connection = *found;
    connection.idle.once(control_idle_time);
    const bool may_read = connection.unsent.empty();
    bool alive = connection.flush();
    if (alive && may_read) alive = connection.receive();
    while (alive && connection.unsent.empty()) {
        const auto line = connection.take_line();
        if (!line) break;
        connection.unsent = control_line(answer(*line));
        alive = connection.flush();
    }
    if (connection.received.size() > max_request_size && connection.unsent.empty())
        alive = false; // a line that never ends
    if (!alive || (connection.ended && connection.unsent.empty())) return close(fd);
    const bool sending = !connection.unsent.empty();
    connection.watch.want({.readable = !sending, .writable = sending});
}

nlohmann::json ControlServer::answer(const std::string& line)
{
    const auto request = parse_request(line);
    return request ? handler_(*request) : error_reply(request.error());
}

void ControlServer::close(int fd)
{
    std::erase_if(connections_,
                  [fd](const Connection& connection) { return connection.socket.get() == fd; });
    watch_.want({.readable = true});
}

namespace {

/// The asking side's socket, with the time by which all must be done.
struct Caller {
    const std::filesystem::path& path;
    Fd socket;
    TimePoint deadline;

    /// Waits for readiness. False when the time has run out.
    [[nodiscard]] bool wait(short events) const
    {
        for (;;) {
            pollfd watched{.fd = socket.get(), .events = events, .revents = 0};
            const auto rest = deadline - Clock::now();
            if (rest <= Duration::zero()) return false;
            const int ready = ::poll(&watched, 1, poll_ms(rest));
            if (ready > 0) return true;
            if (ready < 0 && errno != EINTR) return false;
        }
    }
    [[nodiscard]] tl::unexpected<Error> timed_out() const
    {
        return fail(std::errc::timed_out, "control socket " + path.native() + ": no reply in time",
                    "the daemon hangs, or is busy; see its log");
    }
};

/// The error of a connect(2) that has just failed.
tl::unexpected<Error> refusal(const std::filesystem::path& path)
{
    auto failed = fail_errno("connect", path.native());
    if (failed.value().code == std::errc::permission_denied)
        failed.value().hint = "run it as root, or as a member of the control socket's group";
    return failed;
}

Result<Caller> connect_to(const std::filesystem::path& path, TimePoint deadline)
{
    const auto address = address_of(path);
    if (!address) return fail(address.error());
    Caller caller{
        .path = path,
        .socket = Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)},
        .deadline = deadline,
    };
    if (!caller.socket) return fail_errno("socket", "AF_UNIX");
    while (::connect(caller.socket.get(), generic(*address), sizeof *address) < 0) {
        if (errno != EAGAIN) return refusal(path);
        // As many wait as the backlog holds; poll(2) does not tell when that changes.
        if (Clock::now() >= deadline) return caller.timed_out();
        std::this_thread::sleep_for(connect_period);
    }
    return caller;
}

Status send_all(const Caller& caller, std::string_view text)
{
    while (!text.empty()) {
        const auto put = ::send(caller.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return fail_errno("send", caller.path.native());
        if (put < 0 && !caller.wait(POLLOUT)) return caller.timed_out();
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
    }
    return {};
}

Result<std::string> receive_line(const Caller& caller)
{
    std::string line;
    std::array<char, 16384> chunk{};
    while (line.size() <= max_reply_size) {
        if (!caller.wait(POLLIN)) return caller.timed_out();
        const auto got = ::recv(caller.socket.get(), chunk.data(), chunk.size(), 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return fail_errno("recv", caller.path.native());
        if (got == 0)
            return fail(std::errc::connection_reset,
                        "control socket " + caller.path.native() + ": the daemon hung up");
        line.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (line.ends_with('\n')) return line;
    }
    return fail(std::errc::protocol_error,
                "control socket " + caller.path.native() + ": the reply is longer than 4 MiB");
}

} // namespace

Result<nlohmann::json> control_request(const std::filesystem::path& socket,
                                       const nlohmann::json& request, Duration timeout)
{
    const auto caller = connect_to(socket, Clock::now() + timeout);
    if (!caller) return fail(caller.error());
    if (const auto sent = send_all(*caller, control_line(request)); !sent)
        return fail(sent.error());
    const auto line = receive_line(*caller);
    if (!line) return fail(line.error());

    auto parsed = parse_json(*line);
    if (!parsed)
        return fail(std::errc::protocol_error,
                    "control socket " + socket.native() + ": the reply is " + parsed.error().what);
    auto& reply = *parsed;
    const auto text = [&reply](const char* key) {
        const auto found = reply.find(key);
        return found != reply.end() && found->is_string() ? found->get<std::string>()
                                                          : std::string{};
    };
    const auto ok = reply.is_object() ? reply.find("ok") : reply.end();
    if (ok == reply.end() || !ok->is_boolean())
        return fail(std::errc::protocol_error,
                    "control socket " + socket.native() + ": the reply makes no sense");
    if (!ok->get<bool>()) return fail(std::errc::operation_canceled, text("error"), text("hint"));
    return reply;
}

bool is_not_running(const Error& error)
{
    return error.code == std::errc::no_such_file_or_directory ||
           error.code == std::errc::connection_refused;
}

} // namespace braid
