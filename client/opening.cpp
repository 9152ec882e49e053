#include "client/opening.hpp"

namespace braid {

Result<std::size_t> Opening::start(MutBytes out)
{
    return std::visit([out](auto& step) { return step.start(out); }, step_);
}

Result<Opened> Opening::on_reply(Bytes unit)
{
    if (auto* join = std::get_if<ClientJoin>(&step_)) {
        auto secrets = join->on_reply(unit);
        if (!secrets) return fail(secrets.error());
        return Opened{cipher_, std::move(*secrets), std::nullopt};
    }
    auto result = std::get<ClientHandshake>(step_).on_reply(unit);
    if (!result) return fail(result.error());
    return Opened{
        .cipher = result->cipher,
        .secrets = {std::move(result->client_to_server), std::move(result->server_to_client)},
        .fresh = Resumption{result->cipher, LaneChain{std::move(result->session_secret)}}};
}

Error Opening::refusal(const std::string& server) const
{
    if (std::holds_alternative<ClientJoin>(step_))
        return {std::make_error_code(session_gone), "the server has no such session", {}};
    return {std::make_error_code(handshake_fault::unknown_client),
            "the server at " + server + " refused this client",
            "compare server.public_key here with `braid-server pubkey` there, and this client's "
            "public key with the server's peers"};
}

} // namespace braid
