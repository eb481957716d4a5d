-- Shared by the scripts of a session. Its keys, always in this order:
--   KEYS[1] meta: a hash of v (_record.lua), owner, count (the number of turns), title, system,
--           persona, model, window, parameters, ttl (seconds), created and updated
--           (milliseconds), fence, opener (the turn that has it, unless it began the session), last
--           (the newest turn's id), born_by (the turn that began it).
--   KEYS[2] turns: a list, oldest first; each '<tokens> <turn id> <JSON>'.
--   KEYS[3] lock: the id of the turn that is running, with its lease.
-- The fence counts openings: a turn whose number is not the newest any more cannot commit. Neither
-- can one that is not the opener: a failover may have lost its opening, and its number with it.

-- A session that a turn began is gone so many leases after its worker died, if it has no turn yet.
local UNBORN_LEASES = 3

local META, TURNS, LOCK = KEYS[1], KEYS[2], KEYS[3]
local FIELDS = { 'title', 'system', 'persona', 'model', 'parameters', 'ttl', 'created', 'updated' }

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- What stands against using the session: 'missing' (there is none, or none of this owner's),
-- 'damaged', 'turns_missing' (Redis dropped them), or false. Then its turns' number, its fence and
-- its newest turn's id.
local function look(owner)
  local kept = redis.call('HMGET', META, 'owner', 'v', 'ttl', 'fence', 'count', 'last')
  local fence, last = kept[4], kept[6]
  if not kept[1] or owner and kept[1] ~= owner then return 'missing' end
  local turns = redis.call('LLEN', TURNS)
  local least = last and last ~= '' and 1 or 0  -- an earlier build kept no count
  local wrong = turns < (tonumber(kept[5]) or least) and 'turns_missing'
  if not known_shape(kept[2]) or not tonumber(kept[3]) or not tonumber(fence) then
    wrong = 'damaged'
  end
  return wrong, turns, fence, last
end

-- Whether this turn began the session and none was ever stored in it.
local function unborn(turn)
  return redis.call('HGET', META, 'born_by') == turn and redis.call('HEXISTS', META, 'last') == 0
end

-- The session's fields in the order above, then the number of its turns, if that is known already.
local function session(turns)
  local values = redis.call('HMGET', META, unpack(FIELDS))
  values[#values + 1] = turns or redis.call('LLEN', TURNS)
  return values
end

-- Milliseconds that the running turn may still hold the session; 0 when none runs.
local function busy_for(turn)
  local holder = redis.call('GET', LOCK)
  if not holder or holder == turn then return 0 end
  return math.max(1, redis.call('PTTL', LOCK))
end

-- Set pairs of field and value from ARGV[first] to ARGV[last].
local function set_fields(first, last)
  if last > first then redis.call('HSET', META, unpack(ARGV, first, last)) end
end

-- The session lives for its ttl from now on.
local function touch()
  local ttl = tonumber(redis.call('HGET', META, 'ttl')) * 1000
  redis.call('PEXPIRE', META, ttl)
  redis.call('PEXPIRE', TURNS, ttl)
end
