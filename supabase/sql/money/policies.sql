-- Prices, tiers and limits are shown to signed-in users, caps to the one they bind, requests to the one who pays.

drop policy if exists "Signed-in users read the policy" on public.ai_policy;
create policy "Signed-in users read the policy" on public.ai_policy
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Signed-in users read tiers" on public.ai_tiers;
create policy "Signed-in users read tiers" on public.ai_tiers
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Signed-in users read prices" on public.ai_action_prices;
create policy "Signed-in users read prices" on public.ai_action_prices
  for select to authenticated using ((select auth.uid()) is not null);

drop policy if exists "Users read their own caps" on public.ai_spend_caps;
create policy "Users read their own caps" on public.ai_spend_caps
  for select to authenticated using (subject_id = (select auth.uid()));

drop policy if exists "Users read their own requests" on public.ai_requests;
create policy "Users read their own requests" on public.ai_requests
  for select to authenticated using (user_id = (select auth.uid()));
