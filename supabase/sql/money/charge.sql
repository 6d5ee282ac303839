-- What a delivered call takes from the account.

create or replace function nexscout.take_coins(p_request public.ai_requests, p_coins integer) returns integer
language plpgsql set search_path = '' as $$
declare
  v_balance integer := coalesce(
    (select coin_balance from public.profiles where id = p_request.user_id for update), 0);
  v_taken integer := least(p_coins, greatest(v_balance, 0));
begin
  if v_taken > 0 then
    update public.profiles set coin_balance = v_balance - v_taken where id = p_request.user_id;
    insert into public.coin_transactions (user_id, type, trigger, coins, balance_after, metadata)
    values (p_request.user_id, 'spend', p_request.action, -v_taken, v_balance - v_taken,
      jsonb_build_object('request_id', p_request.id));
  end if;
  return v_taken;
end
$$;
comment on function nexscout.take_coins is 'Takes coins from a profile, no more than there are, and writes the transaction; returns what was taken';

create or replace function nexscout.charge(p_request public.ai_requests, p_model_class text, p_account public.user_energy)
returns public.ai_requests
language plpgsql set search_path = '' as $$
declare
  v_request public.ai_requests := p_request;
  v_group public.ai_charge_groups;
  -- Never more than the hold. The least of a null and the hold is the hold: a class without a price is not free.
  v_energy integer := least(p_request.energy_held, (p_request.class_energy ->> p_model_class)::integer);
  v_coins integer := least(p_request.coins_held, (p_request.class_coins ->> p_model_class)::integer);
begin
  if p_request.group_id is not null then
    select * into v_group from public.ai_charge_groups where id = p_request.group_id for update;
  end if;
  -- Never below zero, should somebody else have taken energy meanwhile.
  v_request.energy_charged := least(
    greatest(v_energy - coalesce(v_group.charged_energy, 0), 0), greatest(p_account.current_energy, 0));
  if v_request.energy_charged > 0 then
    perform nexscout.change_energy(p_request.user_id, -v_request.energy_charged, p_request.action, p_request.id);
  end if;
  v_coins := greatest(v_coins - coalesce(v_group.charged_coins, 0), 0);
  if v_coins > 0 then
    v_request.coins_charged := nexscout.take_coins(p_request, v_coins);
  end if;
  update public.ai_charge_groups g
  set charged_at = coalesce(g.charged_at, clock_timestamp()),
    charged_energy = greatest(g.charged_energy, v_energy),
    charged_coins = coalesce(g.charged_coins, 0) + v_coins
  where g.id = v_group.id;
  return v_request;
end
$$;
comment on function nexscout.charge is
  'Takes energy and coins of the class that was served from a locked account, in a group only what it has not paid yet; returns the request with what was charged';
