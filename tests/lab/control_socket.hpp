// A Unix stream socket that answers each line of text with one line of text.
#pragma once

#include "tests/lab/fd.hpp"

#include <functional>
#include <list>
#include <string>
#include <string_view>

namespace braid::lab {

class ControlSocket {
public:
    static constexpr std::size_t max_request_bytes = 4096; ///< a longer line ends the connection
    static constexpr std::size_t max_connections = 16;     ///< further ones are closed at once

    /// Turns a request into its reply, both without the newline.
    using Handler = std::function<std::string(std::string_view)>;

    /// Listens at `path`, which must not exist yet. Throws std::system_error.
    ControlSocket(std::string path, Handler handler);
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;
    ~ControlSocket();

    /// Readable when serve() has something to do.
    [[nodiscard]] int fd() const { return epoll_.get(); }

    /// Accepts and answers what waits, without blocking.
    void serve();

private:
    struct Connection {
        Fd fd;
        std::string received;
    };

    void accept_all();
    /// False when the connection is to be closed.
    [[nodiscard]] bool receive(Connection& connection);
    [[nodiscard]] bool answer_lines(Connection& connection);

    std::string path_;
    Handler handler_;
    Fd listener_;
    Fd epoll_;
    std::list<Connection> connections_;
};

} // namespace braid::lab
