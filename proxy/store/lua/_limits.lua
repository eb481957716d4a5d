-- Shared by reserve, settle, hold, peek and learn: the limits of a request, in whole micro-units.
--
-- Each limit takes seven doubles of the specification: kind, rate (units gained a period, which is
-- micro-units gained a period of microseconds), period (seconds; of a budget 1 for a day, 2 for a
-- month), burst (micro-units), cost (micro-units), 1 if it is enforced and 0 if it is only counted,
-- and the room that orders those who wait for it (0 for none). The kinds, and what is kept of each:
--   BUCKET   balance, time, remainder: a token bucket; none kept means full
--   LEARNED  the same, then rate, burst and until when nobody may ask: ChatGPT's own limit, as it
--            told it; none kept means that it is not known, and then it holds nobody up
--   PLACES   a sorted set of reservations by the end of their leases
--   BUDGET   which period, spent: it renews itself at midnight UTC
-- Numbers are kept as packed doubles, which hold whole numbers up to 2^53: reading and writing them
-- so takes two thirds of the time that text takes (docs/decisions/packed-limits.md).

local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local pack, unpacked = struct.pack, struct.unpack
local BUCKET, LEARNED, PLACES, BUDGET = 0, 1, 2, 3
local DAY_US, KEPT_MS, PLACE_WAIT_US = 86400000000, 60000, 1000000
local UNKNOWN = -1 -- taken from a limit that was not known yet

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The first and the last day of the month that a day is in, counted from 1970-01-01: the civil
-- calendar by Howard Hinnant's days_from_civil and civil_from_days, for years after 0.
local function days_from_civil(year, month)
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local of_era = year - era * 400
  local of_year = floor((153 * ((month + 9) % 12) + 2) / 5)
  return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
end

local function month_of(day)
  local shifted = day + 719468
  local era = floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  local month = (floor((5 * of_year + 2) / 153) + 2) % 12 + 1
  year = year + era * 400 + (month <= 2 and 1 or 0)
  local after = month == 12 and days_from_civil(year + 1, 1) or days_from_civil(year, month + 1)
  return days_from_civil(year, month), after
end

-- When the budget's period that holds `now` begins and ends.
local function period_at(period, now)
  local day = floor(now / DAY_US)
  if period == 1 then return day * DAY_US, (day + 1) * DAY_US end
  local first, after = month_of(day)
  return first * DAY_US, after * DAY_US
end

-- Microseconds from the bucket's time until it holds `level`: whole periods first, so that no
-- product leaves the integers that a double can hold.
local function until_level(limit, level)
  local missing = level - limit.balance
  if missing <= 0 then return 0 end
  local periods = floor(missing / limit.rate)
  local rest = (missing - periods * limit.rate) * limit.period - limit.rest
  return periods * limit.period + ceil(rest / limit.rate)
end

-- A full bucket holds its burst and no fraction more. One that is only counted owes a burst at the
-- most, so that it does not refuse for days when it is enforced at last.
local function level_off(limit)
  if limit.balance >= limit.burst then limit.balance, limit.rest = limit.burst, 0 end
  if limit.enforced == 0 and limit.kind == BUCKET and limit.balance < -limit.burst then
    limit.balance, limit.rest = -limit.burst, 0
  end
end

-- A bucket that held so much at a time, now; a clock that steps back is clamped.
local function refill(limit, balance, time, rest)
  limit.time = max(limit.time, time)
  local elapsed = limit.time - time
  local periods = floor(elapsed / limit.period)
  local gained = (elapsed - periods * limit.period) * limit.rate + rest
  local whole = floor(gained / limit.period)
  limit.balance = balance + periods * limit.rate + whole
  limit.rest = gained - whole * limit.period
  level_off(limit)
end

local read = {
  [BUCKET] = function(limit, kept)
    limit.balance = limit.burst
    if kept then refill(limit, unpacked('ddd', kept)) end
  end,
  [LEARNED] = function(limit, kept)
    limit.balance, limit.paused = 0, 0
    if not kept then return end
    local balance, time, rest
    balance, time, rest, limit.rate, limit.burst, limit.paused = unpacked('dddddd', kept)
    if limit.rate > 0 then
      limit.cost = min(limit.cost, limit.burst)
      refill(limit, balance, time, rest)
    end
  end,
  [PLACES] = function(limit)
    call('ZREMRANGEBYSCORE', limit.key, '-inf', limit.time)
    limit.balance = limit.burst - call('ZCARD', limit.key) * 1000000
  end,
  [BUDGET] = function(limit, kept)
    local begun, spent = 0, 0
    if kept then begun, spent = unpacked('dd', kept) end
    limit.begun, limit.ends = period_at(limit.period, max(limit.time, begun))
    if begun < limit.begun then spent = 0 end
    limit.balance = limit.burst - spent
  end,
}

-- All limits of a request as they are now.
local function limits_at(now, specification, first, count)
  local limits, at = {}, 1
  if count == 0 then return limits end
  local kept = call('MGET', unpack(KEYS, first, first + count - 1))
  for index = 1, count do
    local limit = { key = KEYS[first + index - 1], time = now, rest = 0 }
    limit.kind, limit.rate, limit.period, limit.burst, limit.cost, limit.enforced, limit.room, at =
      unpacked('ddddddd', specification, at)
    read[limit.kind](limit, kept[index])
    limits[index] = limit
  end
  return limits
end

-- Microseconds until the limit holds its cost, or `times` of it; 0 if it does now.
local function wait_for(limit, times)
  local kind = limit.kind
  if kind == BUCKET then return until_level(limit, limit.cost * times) end
  if kind == LEARNED then
    local short = limit.rate > 0 and until_level(limit, limit.cost * times) or 0
    return max(short, limit.cost > 0 and limit.paused - limit.time or 0)
  end
  if limit.balance >= limit.cost or limit.cost == 0 then return 0 end
  return kind == PLACES and PLACE_WAIT_US or limit.ends - limit.time
end

-- Microseconds until the limit has all that it can have.
local function full_in(limit)
  if limit.kind == PLACES then return 0 end
  if limit.kind == BUDGET then return limit.balance < limit.burst and limit.ends - limit.time or 0 end
  return limit.rate > 0 and until_level(limit, limit.burst) or 0
end

-- Keep a limit's state until it would be as if there were none, and a while more.
local function keep(limit)
  if limit.kind == BUCKET then
    local state = pack('ddd', limit.balance, limit.time, limit.rest)
    limit.full = full_in(limit)
    call('SET', limit.key, state, 'PX', ceil(limit.full / 1000) + KEPT_MS)
  elseif limit.kind == BUDGET then
    local left = ceil((limit.ends - limit.time) / 1000) + KEPT_MS
    call('SET', limit.key, pack('dd', limit.begun, limit.burst - limit.balance), 'PX', left)
  elseif limit.kind == LEARNED and (limit.rate > 0 or limit.paused > limit.time) then
    local state =
      pack('dddddd', limit.balance, limit.time, limit.rest, limit.rate, limit.burst, limit.paused)
    call('SET', limit.key, state, 'PX', DAY_US / 1000)
  end
end

-- What is told of all limits: five doubles each, balance, wait, time to full, rate and burst.
local function report(limits, waits)
  local told = {}
  for index, limit in ipairs(limits) do
    told[index] =
      pack('ddddd', limit.balance, waits[index] or 0, limit.full or full_in(limit), limit.rate, limit.burst)
  end
  return table.concat(told)
end
