#include "common/admin/control_socket.hpp"
#include "common/admin/daemon_control.hpp"
#include "common/sys/privilege.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <doctest/doctest.h>
#include <future>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <vector>

using namespace braid;
using nlohmann::json;

namespace {

/// A client of the socket that speaks bytes.
class RawClient {
public:
    explicit RawClient(const std::filesystem::path& path)
        : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(path.native(), address.sun_path);
        const timeval patience{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connected_ = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                               sizeof address) == 0;
    }
    [[nodiscard]] bool connected() const { return connected_; }
    void say(std::string_view text)
    {
        while (!text.empty()) {
            const auto put = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (put <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(put));
        }
    }
    void finish() { ::shutdown(socket_.get(), SHUT_WR); }
    /// All that comes until the other side closes.
    std::string hear()
    {
        std::string all;
        std::array<char, 65536> chunk{};
        for (;;) {
            const auto got = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
            if (got <= 0) return all;
            all.append(chunk.data(), static_cast<std::size_t>(got));
        }
    }

private:
    Fd socket_;
    bool connected_ = false;
};

/// Runs the server's loop until `client`, in another thread, has ended.
template <typename Client>
void serve(Loop& loop, Client client)
{
    std::atomic<bool> done = false;
    std::thread other{[&] {
        client();
        done = true;
    }};
    Timer watch{loop, [&] {
                    if (done) loop.stop();
                }};
    watch.every(1ms);
    loop.run();
    other.join();
}

struct Server {
    test::TempFolder folder{};
    std::filesystem::path path = folder / "s";
    Loop loop{};
    int requests = 0;
    Result<std::unique_ptr<ControlServer>> server =
        ControlServer::open(loop, path, [this](const json& request) {
            ++requests;
            return json{{"ok", true}, {"echo", request}};
        });
};

} // namespace

TEST_CASE("a request is an object with a request text")
{
    CHECK(parse_request(R"({"request":"status","x":[1,{}]})")->at("x").size() == 2);
    const std::string deep = R"({"request":"a","x":)" + std::string(20, '[') + std::string(20, ']');
    for (const std::string& bad :
         {std::string{""}, std::string{"x"}, std::string{"[]"}, std::string{"{}"},
          std::string{R"({"request":1})"}, std::string{R"({"request":"a"} x)"},
          std::string{"{\"request\":\"\xff\"}"}, deep + "}", std::string(100'000, '['),
          "{\"request\":\"" + std::string(max_request_size, 'a') + "\"}"}) {
        CAPTURE(bad.substr(0, 40));
        const auto parsed = parse_request(bad);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().what.starts_with("request: "));
    }
}

TEST_CASE("a request is answered, and many on one connection in turn")
{
    Server server;
    REQUIRE(server.server);
    Result<json> reply;
    std::string raw;
    serve(server.loop, [&] {
        reply = control_request(server.path, {{"request", "status"}}, 10s);
        RawClient client{server.path};
        client.say("{\"request\":\"a\"}\n{\"request\":\"b\"}\nnonsense\n{\"request\":");
        client.say("\"c\"}\n");
        client.finish();
        raw = client.hear();
    });
    REQUIRE(reply);
    CHECK(reply->at("echo").at("request") == "status");
    CHECK(raw == R"({"echo":{"request":"a"},"ok":true})"
                 "\n"
                 R"({"echo":{"request":"b"},"ok":true})"
                 "\n"
                 R"({"error":"request: not JSON","ok":false})"
                 "\n"
                 R"({"echo":{"request":"c"},"ok":true})"
                 "\n");
    CHECK(server.requests == 4);
}

TEST_CASE("a reply larger than the socket's buffer arrives whole")
{
    const test::TempFolder folder;
    Loop loop;
    const std::string large(3'000'000, 'x');
    const auto server = ControlServer::open(loop, folder / "s", [&](const json&) {
        return json{{"ok", true}, {"text", large}};
    });
    REQUIRE(server);
    Result<json> reply;
    serve(loop, [&] { reply = control_request(folder / "s", {{"request", "x"}}, 10s); });
    REQUIRE(reply);
    CHECK(reply->at("text") == large);
}

TEST_CASE("the socket is for owner and group, and goes with its server")
{
    const test::TempFolder folder;
    Loop loop;
    {
        const auto server =
            ControlServer::open(loop, folder / "s", [](const json&) { return json{}; });
        REQUIRE(server);
        CHECK(std::filesystem::status(folder / "s").permissions() == std::filesystem::perms{0660});
    }
    CHECK_FALSE(std::filesystem::exists(folder / "s"));
}

TEST_CASE("a socket that a dead daemon left is replaced, another file is not")
{
    const test::TempFolder folder;
    Loop loop;
    const auto handler = [](const json&) { return json{{"ok", true}}; };
    {
        const Fd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy((folder / "s").native(), address.sun_path);
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);
    }
    CHECK(is_not_running(control_request(folder / "s", {{"request", "x"}}, 1s).error()));
    CHECK(ControlServer::open(loop, folder / "s", handler));
    const auto file = folder.write("f", "precious", 0600);
    CHECK(ControlServer::open(loop, file, handler).error().code == std::errc::file_exists);
    CHECK(std::filesystem::exists(file));
    CHECK(ControlServer::open(loop, folder / std::string(200, 'x'), handler).error().code ==
          std::errc::filename_too_long);
}

TEST_CASE("connections beyond the bound wait until others end")
{
    Server server;
    REQUIRE(server.server);
    Result<json> meanwhile;
    Result<json> afterwards;
    serve(server.loop, [&] {
        std::vector<std::unique_ptr<RawClient>> idle;
        for (std::size_t i = 0; i < max_control_connections; ++i)
            idle.push_back(std::make_unique<RawClient>(server.path));
        meanwhile = control_request(server.path, {{"request", "a"}}, 50ms);
        idle.clear();
        afterwards = control_request(server.path, {{"request", "b"}}, 10s);
    });
    CHECK(meanwhile.error().code == std::errc::timed_out);
    CHECK(afterwards);
}

TEST_CASE("a line that never ends is cut off")
{
    Server server;
    REQUIRE(server.server);
    std::string heard = "?";
    serve(server.loop, [&] {
        RawClient client{server.path};
        client.say(std::string(2 * max_request_size, 'x'));
        heard = client.hear();
    });
    CHECK(heard.empty());
    CHECK(server.requests == 0);
}

TEST_CASE("a client that goes away before its reply is no harm")
{
    Server server;
    REQUIRE(server.server);
    Result<json> reply;
    serve(server.loop, [&] {
        for (int i = 0; i < 50; ++i) RawClient{server.path}.say("{\"request\":\"a\"}\n");
        reply = control_request(server.path, {{"request", "b"}}, 10s);
    });
    CHECK(reply);
}

TEST_CASE("who asks learns whether a daemon runs, hangs, or speaks nonsense")
{
    const test::TempFolder folder;
    const json request{{"request", "status"}};
    CHECK(is_not_running(control_request(folder / "none", request, 1s).error()));

    const Fd deaf{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy((folder / "deaf").native(), address.sun_path);
    REQUIRE(::bind(deaf.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(deaf.get(), 1) == 0);
    const auto hangs = control_request(folder / "deaf", request, 20ms);
    REQUIRE_FALSE(hangs);
    CHECK(hangs.error().code == std::errc::timed_out);
    CHECK_FALSE(is_not_running(hangs.error()));
    const Fd given_up{::accept(deaf.get(), nullptr, nullptr)};

    const std::string deep =
        R"({"ok":true,"status":)" + std::string(500'000, '[') + std::string(500'000, ']') + "}\n";
    for (const std::string& answer : {std::string{"nonsense\n"}, std::string{"[]\n"},
                                      std::string{"{}\n"}, std::string{"{\"ok\":1}\n"}, deep}) {
        CAPTURE(answer.substr(0, 40));
        auto talk = std::async(std::launch::async,
                               [&] { return control_request(folder / "deaf", request, 10s); });
        const Fd client{::accept(deaf.get(), nullptr, nullptr)};
        [[maybe_unused]] const auto put =
            ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        const auto reply = talk.get();
        CHECK(reply.error().code == std::errc::protocol_error);
    }
}

TEST_CASE("a refusal arrives as an error with its hint")
{
    const test::TempFolder folder;
    Loop loop;
    const auto server = ControlServer::open(loop, folder / "s", [](const json&) {
        return error_reply(fail(std::errc::io_error, "cannot", "try harder").value());
    });
    REQUIRE(server);
    Result<json> reply;
    serve(loop, [&] { reply = control_request(folder / "s", {{"request", "x"}}, 10s); });
    REQUIRE_FALSE(reply);
    CHECK(reply.error().text() == "cannot");
    CHECK(reply.error().hint == "try harder");
}

TEST_CASE("a daemon tells its status, and stops once when it is asked to")
{
    const test::TempFolder folder;
    Loop loop;
    int stops = 0;
    auto control = DaemonControl::open(loop, folder / "s",
                                       {.status =
                                            [] {
                                                return json{{"state", "up"}};
                                            },
                                        .stop = [&] { ++stops; }});
    REQUIRE(control);
    Result<json> status;
    Result<json> unknown;
    Result<json> stopped;
    serve(loop, [&] {
        status = control_request(folder / "s", {{"request", "status"}}, 10s);
        unknown = control_request(folder / "s", {{"request", "dance"}}, 10s);
        stopped = control_request(folder / "s", {{"request", "stop"}}, 10s);
        [[maybe_unused]] const auto again =
            control_request(folder / "s", {{"request", "stop"}}, 10s);
    });
    CHECK(status->at("status").at("state") == "up");
    CHECK(status->at("status").at("privileges").at("user") == present_privileges().user);
    CHECK(unknown.error().what == "unknown request 'dance'");
    CHECK(stopped);
    CHECK(stops == 1);
}

TEST_CASE("a stop that ends the loop is still answered")
{
    const test::TempFolder folder;
    Result<json> reply;
    std::thread asker;
    {
        Loop loop;
        auto control = DaemonControl::open(
            loop, folder / "s", {.status = [] { return json{}; }, .stop = [&] { loop.stop(); }});
        REQUIRE(control);
        asker = std::thread{[&] {
            reply = control_request(folder / "s", {{"request", "stop"}}, 10s);
        }};
        loop.run();
    }
    asker.join();
    CHECK(reply);
}

TEST_CASE("SIGTERM and SIGINT stop a daemon")
{
    for (const int signal_number : {SIGTERM, SIGINT}) {
        Loop loop;
        int stops = 0;
        const DaemonControl control{loop,
                                    {.status = [] { return json{}; },
                                     .stop =
                                         [&] {
                                             ++stops;
                                             loop.stop();
                                         }}};
        Timer kill{loop, [&] { ::raise(signal_number); }};
        kill.once(0ms);
        loop.run();
        CHECK(stops == 1);
    }
}
