-- Pull what is known of ChatGPT's limits down to what it told.
--
-- KEYS: the learned limits of a model; the learned models (a sorted set by when they were heard of
--       last).
-- ARGV: now in microseconds ('' for the server's clock), for each of the two the limit
--       (micro-units, '' if it was not told), the units it gains a minute and what remains
--       (micro-units); then the share of a limit that is ours to use, microseconds for which
--       nobody may ask ('' for none), the model, and how many models are learned at most.
-- What remains only ever lowers a balance: what we reserved and ChatGPT has not seen yet stays
-- taken. The part of the limit that is not ours to use is a cushion: for what others take of the
-- same account, and for estimates that fall short. Safe to run twice.

local now, model = clock(ARGV[1]), ARGV[10]
call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - DAY_US)
if not call('ZSCORE', KEYS[2], model) and call('ZCARD', KEYS[2]) >= tonumber(ARGV[11]) then return end

local state = state_of(call('GET', KEYS[1]), LEARNED)
for index = 1, 2 do
  local limit = limit_at(now, state, LEARNED, 0, 60, 0, 0, 1, 0, 6 * index - 4)
  local first = 3 * index - 1
  local told = tonumber(ARGV[first])
  if told then
    local known = limit.rate > 0
    local cushion = told - floor(told * ARGV[8])
    local remains = tonumber(ARGV[first + 2]) - cushion
    limit.rate, limit.burst = tonumber(ARGV[first + 1]), told - cushion
    limit.balance = known and min(limit.balance, remains) or remains
    level_off(limit)
  end
  if index == 1 and ARGV[9] ~= '' then limit.paused = max(limit.paused, now + ARGV[9]) end
  if limit.rate > 0 or limit.paused > now then keep(limit) end
end
save(KEYS[1], state, now)
call('ZADD', KEYS[2], now, model)
call('PEXPIRE', KEYS[2], DAY_US / 1000)
