/// Records: sealed units of a lane, one direction each. PROTOCOL.md, "Records".
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/result.hpp"
#include "common/crypto/aead.hpp"
#include "common/crypto/secret.hpp"
#include "common/crypto/unit.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace braid {

/// Threads that may use one key; number 0 is the one that its owner runs on.
constexpr std::size_t max_record_threads = 16;

/// How much one key may seal before the sender should change it. At twice either number the
/// sender refuses to seal and the receiver to open.
struct RecordLimits {
    std::uint64_t records = std::uint64_t{1} << 32;
    std::uint64_t bytes = std::uint64_t{1} << 36; ///< 64 GiB of plaintext
};

/// One key of one direction, and how far it has been used.
class RecordKey {
public:
    RecordKey(Cipher cipher, Secret<32> secret, RecordLimits limits, AeadMaker maker);

    [[nodiscard]] Cipher cipher() const noexcept { return aead_.cipher(); }
    /// The expanded key for this thread only, which is the calling one: what libcrypto has made of
    /// it changes with each use. That of any but number 0 is made at its first use.
    [[nodiscard]] const Aead& aead(std::size_t thread) const;
    [[nodiscard]] std::uint64_t nonce() const noexcept { return records_; }
    /// The limits are reached.
    [[nodiscard]] bool worn() const noexcept;
    /// Twice the limits would be passed by `size` more bytes.
    [[nodiscard]] bool refuses(std::size_t size) const noexcept;
    void count(std::size_t size) noexcept;
    /// The key that follows. It cannot be traced back.
    [[nodiscard]] RecordKey next() const;

private:
    Secret<32> secret_; ///< origin of this key and of the next
    Aead aead_;         ///< for thread number 0
    mutable std::array<std::unique_ptr<Aead>, max_record_threads - 1> others_; ///< each thread's
    RecordLimits limits_;
    std::uint64_t records_ = 0; ///< also the next nonce: never goes back
    std::uint64_t bytes_ = 0;
};

/// A record that has its nonce and its header. What is left is the cipher's work, for any one
/// thread, while the sealer neither changes its key, nor moves, nor dies.
class SealWork {
public:
    SealWork(const RecordKey& key, MutBytes record) noexcept
        : key_(&key), nonce_(key.nonce()), record_(record)
    {
    }
    /// The size of the whole record.
    [[nodiscard]] std::size_t size() const noexcept { return record_.size(); }
    /// As RecordSealer::seal; the segments have the size in all that was announced.
    void run(std::span<const Bytes> segments, std::size_t thread = 0) const noexcept;

private:
    const RecordKey* key_;
    std::uint64_t nonce_;
    MutBytes record_;
};

/// The same for a record that was received: it has its nonce, and is to be opened.
class OpenWork {
public:
    OpenWork(const RecordKey& key, MutBytes unit) noexcept
        : key_(&key), nonce_(key.nonce()), unit_(unit)
    {
    }
    /// Opens it in place. False: not authentic.
    [[nodiscard]] bool run(std::size_t thread = 0) const noexcept;
    /// The plaintext, once it has proved authentic.
    [[nodiscard]] MutBytes plaintext() const noexcept;

private:
    const RecordKey* key_;
    std::uint64_t nonce_;
    MutBytes unit_;
};

/// Seals the records of one direction of one lane.
class RecordSealer {
public:
    RecordSealer(Cipher cipher, Secret<32> secret, RecordLimits limits = {},
                 AeadMaker maker = AeadMaker::libsodium)
        : key_(cipher, std::move(secret), limits, maker)
    {
    }

    /// Writes one record with the segments, one behind the other, as plaintext; yields its size,
    /// which is the plaintext's and overhead(). `out` must hold that. Segments that already
    /// lie at their place, from unit_header_size on, are not copied (Aead::seal).
    /// Errors: message_size, more than max_record_plaintext; value_too_large, the key is used
    /// up (rekey was not called in time).
    [[nodiscard]] Result<std::size_t> seal(std::span<const Bytes> segments, MutBytes out);

    /// The first half of seal(): the record of a plaintext of `size` bytes gets its place in the
    /// order and its header. Its work must be run. Errors: as seal().
    [[nodiscard]] Result<SealWork> begin(std::size_t size, MutBytes out);

    /// True when the key has reached a limit: call rekey() before the next record. The rule of
    /// two minutes is the caller's.
    [[nodiscard]] bool should_rekey() const noexcept { return key_.worn(); }

    /// Wipes the key and goes on with the next one. The next record tells the receiver; nothing
    /// else has to be sent or awaited. The work of all records that were begun has been run.
    void rekey();

    [[nodiscard]] Cipher cipher() const noexcept { return key_.cipher(); }
    /// record_overhead of the cipher.
    [[nodiscard]] std::size_t overhead() const noexcept { return record_overhead(cipher()); }

private:
    RecordKey key_;
    UnitType next_type_ = UnitType::record;
};

/// Opens the records of one direction of one lane, in the order in which they were sealed.
class RecordOpener {
public:
    RecordOpener(Cipher cipher, Secret<32> secret, RecordLimits limits = {},
                 AeadMaker maker = AeadMaker::libsodium)
        : key_(cipher, std::move(secret), limits, maker)
    {
    }

    /// Opens a whole unit of type record or next_record in place; yields its plaintext, borrowed
    /// from `unit`.
    /// Errors (protocol_error): not such a unit, not authentic, out of order, or the key is used
    /// up. The opener is dead then and the lane must be closed: further calls fail as well.
    [[nodiscard]] Result<MutBytes> open(MutBytes unit);

    /// The first half of open(), so that several records can be opened at once: this one gets its
    /// place in the order. When its work yields false the lane must be closed, and nothing of this
    /// record and of later ones be used. Nothing: it cannot be opened ahead, because it is no sound
    /// record, or the first one under another key; open() takes it when all before it are open.
    [[nodiscard]] std::optional<OpenWork> begin(MutBytes unit);

private:
    [[nodiscard]] static Result<OpenWork> begin_with(RecordKey& key, MutBytes unit);

    RecordKey key_;
    bool dead_ = false;
};

} // namespace braid
