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

} // namespace braid
