-- Shared by reserve, settle, hold, peek and learn: the limits of a request, in whole micro-units.
--
-- Each limit takes nine doubles of the specification: kind, rate (units gained a period, which is
-- micro-units gained a period of microseconds), period (seconds; of a budget 1 for a day, 2 for a
-- month), burst (micro-units), cost (micro-units), 1 if it is enforced and 0 if it is only counted,
-- the room that orders those who wait for it (0 for none), where its numbers begin in its owner's
-- state, and which owner that is, counted from 1. The kinds, and their numbers:
--   BUCKET   balance, time, remainder: a token bucket; a time of 0 means full
--   LEARNED  the same, then rate, burst and until when nobody may ask: ChatGPT's own limit, as it
--            told it; a rate of 0 means that it is not known, and then it holds nobody up
--   PLACES   pairs to the end of the state: when leases end, and how many end then
--   BUDGET   when its period began, spent: it renews itself at midnight UTC
-- All limits of an owner (a user, key, team, model, or upstream) are one string of doubles: until
-- when it matters, a bucket of requests, one of tokens, a budget, then places; of a model the two
-- learned ones. An owner's limits are read and written at once, and in packed doubles, which hold
-- whole numbers up to 2^53: that takes half of the time that a string each and sorted sets of places
-- took (docs/decisions/packed-limits.md).

local call, floor, ceil, max, min = redis.call, math.floor, math.ceil, math.max, math.min
local pack, unpacked = struct.pack, struct.unpack
local BUCKET, LEARNED, PLACES, BUDGET = 0, 1, 2, 3
local DAY_US, KEPT_MS, PLACE_WAIT_US = 86400000000, 60000, 1000000
local PLACES_AT, LEASE_STEPS = 10, 16
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

-- When a lease of so many milliseconds ends: rounded up, so that all leases of one length end at no
-- more than LEASE_STEPS + 1 different times, however many there are.
local function lease_end(now, lease_ms)
  local step = ceil(lease_ms * 1000 / LEASE_STEPS)
  return ceil((now + lease_ms * 1000) / step) * step
end

-- So many places more, or less, end at a time; answers whether there were any before.
local function change_places(state, ends, by)
  local at = PLACES_AT
  while state[at] and state[at] ~= ends do at = at + 2 end
  local before = state[at + 1] or 0
  state[at], state[at + 1] = ends, before + by
  return before > 0
end

-- Places that are taken; those whose leases ran out are forgotten.
local function places_taken(state, now)
  local taken, last = 0, #state - 1
  for at = last, PLACES_AT, -2 do
    if state[at] > now and state[at + 1] > 0 then
      taken = taken + state[at + 1]
    else
      state[at], state[at + 1] = state[last], state[last + 1]
      state[last], state[last + 1] = nil, nil
      last = last - 2
    end
  end
  return taken
end

local read = {
  [BUCKET] = function(limit, state, at)
    limit.balance = limit.burst
    if state[at + 1] > 0 then refill(limit, state[at], state[at + 1], state[at + 2]) end
  end,
  [LEARNED] = function(limit, state, at)
    limit.rate, limit.burst, limit.paused = state[at + 3], state[at + 4], state[at + 5]
    if limit.rate > 0 then
      limit.cost = min(limit.cost, limit.burst)
      refill(limit, state[at], state[at + 1], state[at + 2])
    end
  end,
  [PLACES] = function(limit, state)
    limit.balance = limit.burst - places_taken(state, limit.time) * 1000000
  end,
  [BUDGET] = function(limit, state, at)
    local begun, spent = state[at], state[at + 1]
    limit.begun, limit.ends = period_at(limit.period, max(limit.time, begun))
    if begun < limit.begun then spent = 0 end
    limit.balance = limit.burst - spent
  end,
}

-- A limit as it is now; its table has every field from the start: one that grows is made anew.
local function limit_at(now, state, kind, rate, period, burst, cost, enforced, room, at)
  local limit = {
    state = state, at = at, time = now, rest = 0, balance = 0, full = false, kind = kind, rate = rate,
    period = period, burst = burst, cost = cost, enforced = enforced, room = room, paused = 0,
  }
  read[kind](limit, state, at)
  return limit
end

-- All doubles of a text; behind them struct.unpack tells where it stopped.
local function doubles(text)
  local count = #text / 8
  local numbers = { unpacked(string.rep('d', count), text) }
  numbers[count + 1] = nil
  return numbers
end

-- An owner's state as it was kept; none kept is nothing known, and nothing taken.
local function state_of(kept, kind)
  if kept then return doubles(kept) end
  if kind == LEARNED then return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } end
  return { 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end

-- All limits of a request as they are now, and their owners' states, which stand in `kept` from
-- `first` on.
local function limits_at(now, specification, count, kept, first)
  local limits, states, next = {}, {}, 1
  for index = 1, count do
    local kind, rate, period, burst, cost, enforced, room, at, owner
    kind, rate, period, burst, cost, enforced, room, at, owner, next =
      unpacked('ddddddddd', specification, next)
    local state = states[owner] or state_of(kept[first + owner - 1], kind)
    states[owner] = state
    limits[index] = limit_at(now, state, kind, rate, period, burst, cost, enforced, room, at)
  end
  return limits, states
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

-- Write a limit into its owner's state, which matters until the limit is as if there were none.
local function keep(limit)
  local state, at, ends = limit.state, limit.at, limit.ends
  if limit.kind == BUDGET then
    state[at], state[at + 1] = limit.begun, limit.burst - limit.balance
  else
    state[at], state[at + 1], state[at + 2] = limit.balance, limit.time, limit.rest
    limit.full = full_in(limit)
    ends = limit.time + limit.full
  end
  if limit.kind == LEARNED then
    state[at + 3], state[at + 4], state[at + 5] = limit.rate, limit.burst, limit.paused
    ends = limit.time + DAY_US - KEPT_MS * 1000
  end
  state[1] = max(state[1], ends)
end

-- Write an owner's state, if there is anything to remember.
local function save(key, state, now)
  if state[1] == 0 then return end
  local left = ceil(max(state[1] - now, 0) / 1000) + KEPT_MS
  call('SET', key, pack(string.rep('d', #state), unpack(state)), 'PX', left)
end

-- What is told of all limits: five doubles each, balance, wait, time to full, rate and burst.
local function report(limits, waits)
  local told = { '', '', '', '', '', '', '', '' }
  for index, limit in ipairs(limits) do
    local full = limit.full or full_in(limit)
    told[index] = pack('ddddd', limit.balance, waits[index] or 0, full, limit.rate, limit.burst)
  end
  return table.concat(told)
end
