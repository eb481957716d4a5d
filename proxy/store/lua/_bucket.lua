-- Shared by reserve, settle and peek: a token bucket in whole micro-units.
--
-- A bucket is a hash: b (balance in micro-units), t (when, in microseconds), r (the remainder of
-- the refill's division, so that no fraction is ever lost). No hash: the bucket is full.
-- Each bucket takes four arguments: rate (units gained a period, which is micro-units gained a
-- period of microseconds), period (seconds), burst (micro-units), cost (micro-units).

local WIDTH = 4

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A full bucket holds its burst and no fraction more.
local function level_off(bucket)
  if bucket.balance >= bucket.burst then bucket.balance, bucket.rest = bucket.burst, 0 end
end

-- The bucket's state at `now`; a clock that steps back is clamped.
local function refilled(key, now, first)
  local bucket = {
    key = key,
    rate = tonumber(ARGV[first]),
    period = tonumber(ARGV[first + 1]),
    burst = tonumber(ARGV[first + 2]),
    cost = tonumber(ARGV[first + 3]),
    time = now,
    rest = 0,
  }
  local kept = redis.call('HMGET', key, 'b', 't', 'r')
  if not kept[1] then
    bucket.balance = bucket.burst
    return bucket
  end
  bucket.time = math.max(now, tonumber(kept[2]))
  local elapsed = bucket.time - tonumber(kept[2])
  local periods = math.floor(elapsed / bucket.period)
  local gained = (elapsed - periods * bucket.period) * bucket.rate + tonumber(kept[3])
  local whole = math.floor(gained / bucket.period)
  bucket.balance = tonumber(kept[1]) + periods * bucket.rate + whole
  bucket.rest = gained - whole * bucket.period
  level_off(bucket)
  return bucket
end

-- Microseconds from the bucket's time until it holds `level`: whole periods first, so that no
-- product leaves the integers that a double can hold.
local function until_level(bucket, level)
  local missing = level - bucket.balance
  if missing <= 0 then return 0 end
  local periods = math.floor(missing / bucket.rate)
  local rest = (missing - periods * bucket.rate) * bucket.period - bucket.rest
  return periods * bucket.period + math.ceil(rest / bucket.rate)
end

-- Keep the state until the bucket would be full anyway, and a minute more.
local function keep(bucket)
  redis.call('HSET', bucket.key,
    'b', string.format('%.0f', bucket.balance),
    't', string.format('%.0f', bucket.time),
    'r', string.format('%.0f', bucket.rest))
  redis.call('PEXPIRE', bucket.key,
    string.format('%.0f', math.ceil(until_level(bucket, bucket.burst) / 1000) + 60000))
end

-- Balance, wait and time to full, in micro-units and microseconds, as strings.
local function report(bucket, wait)
  return {
    string.format('%.0f', bucket.balance),
    string.format('%.0f', wait),
    string.format('%.0f', until_level(bucket, bucket.burst)),
  }
end
