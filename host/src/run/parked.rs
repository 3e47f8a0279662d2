//! The records of a group that waited for parents, once all of its entities are read to their ends.
//!
//! They are written wave by wave: a wave has the records whose last parent came with the wave before, and each commit notes
//! who waited for what it has brought. So a run that was ended goes on with the same waves. When nothing comes any more, the
//! rest become dead letters, each with the chain of what it waited for. Memory holds the numbers of the records of a wave.

mod chain;
pub mod key;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use chain::Chains;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Letters;
use super::bookkeeping::ParkedKey;
use super::bookkeeping::RecordPlace;
use super::choices;
use super::commit::CommitError;
use super::commit::Committer;
use super::commit::Wave;
use super::entity::Member;
use super::originals;
use super::parents::Parents;
use super::retry::retry;
use super::shutdown::Shutdown;
use super::verify::map;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::error::Failure;
use crate::record::Key;
use crate::record::Value;
use crate::record::convert;
use crate::record::packed;
use crate::record::value;

/// Records in one transaction at most.
const LETTERS_MAX: usize = 500;
/// Keys that are looked for in the target at once.
const MARK_MAX: i64 = 1_000;

/// What went wrong, and for which member of the group.
pub type MemberError = (usize, CommitError);

/// Writes what waited, and gives up what waits in vain; `false` where somebody asked to stop before that.
pub async fn resolve(members: &mut [Member], shutdown: &Shutdown) -> Result<bool, MemberError> {
    let mut before = u64::MAX;
    loop {
        if !waves(members, shutdown).await? {
            return Ok(false);
        }
        let waiting = members.iter().map(|member| member.checkpoint.fates.parked).sum();
        // Looking for parents once more finds those that came by another spelling of their keys.
        if waiting == 0 || waiting == before || !mark(members).await? {
            break;
        }
        before = waiting;
        crate::stop_point!("parked-mark");
    }
    for place in 0..members.len() {
        if !give_up(members, place, shutdown).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes the records that wait for nothing any more, and those that waited for these.
async fn waves(members: &mut [Member], shutdown: &Shutdown) -> Result<bool, MemberError> {
    // By wave, then in the order of the members and of their sources: so it makes no difference where a run was ended.
    let mut ready: BTreeMap<i64, BTreeSet<(usize, u64)>> = BTreeMap::new();
    for (place, member) in members.iter().enumerate().filter(|(_, member)| member.checkpoint.fates.parked > 0) {
        for (wave, document) in
            read(member, async |tx, books, name| books.woken(tx, name).await).await.map_err(of(place))?
        {
            ready.entry(wave).or_default().insert((place, document));
        }
    }
    while let Some((&wave, records)) = ready.first_key_value() {
        let Some(&(place, _)) = records.first() else {
            ready.remove(&wave);
            continue;
        };
        if shutdown.is_asked() {
            return Ok(false);
        }
        let documents: Vec<u64> = records
            .iter()
            .take_while(|(of, _)| *of == place)
            .take(LETTERS_MAX)
            .map(|(_, document)| *document)
            .collect();
        let name = members[place].committer.entity().name.clone();
        let which = Letters {
            entity: Some(&name),
            documents: Some(&documents),
            state: Some("parked"),
            committed: true,
            ..Letters::default()
        };
        let page =
            read(&members[place], async |tx, books, _| books.dead_letters(tx, &which, 0, limit(documents.len())).await);
        let page = page.await.map_err(of(place))?;
        // A page ends early where originals are large; who is not parked any more has been dealt with.
        let done: BTreeSet<u64> = match page.is_empty() {
            true => documents.into_iter().collect(),
            false => page.iter().map(|stored| stored.letter.document).collect(),
        };
        if let Some(records) = ready.get_mut(&wave) {
            records.retain(|(of, document)| *of != place || !done.contains(document));
        }
        for (origin, letters) in originals::by_origin(page) {
            let wave = Wave { letters, number: wave + 1, last: None };
            let woken = commit(&mut members[place], &origin, wave).await.map_err(|error| (place, error))?;
            let mut by_member: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
            for (entity, document) in woken {
                if let Some(member) = members.iter().position(|member| member.committer.entity().name == entity) {
                    by_member.entry(member).or_default().insert(document);
                }
            }
            for (place, documents) in by_member {
                let documents: Vec<u64> = documents.into_iter().collect();
                let woken =
                    read(&members[place], async |tx, books, name| books.woken_of(tx, name, &documents).await).await;
                for (wave, document) in woken.map_err(of(place))? {
                    ready.entry(wave).or_default().insert((place, document));
                }
            }
        }
    }
    Ok(true)
}

/// Sets aside what a member waits for in vain.
async fn give_up(members: &mut [Member], place: usize, shutdown: &Shutdown) -> Result<bool, MemberError> {
    let mut chains = Chains::default();
    while members[place].checkpoint.fates.parked > 0 {
        if shutdown.is_asked() {
            return Ok(false);
        }
        let waiting = members[place].checkpoint.fates.parked;
        let page = read(&members[place], async |tx, books, name| {
            let which = Letters { entity: Some(name), state: Some("parked"), committed: true, ..Letters::default() };
            let page = books.dead_letters(tx, &which, 0, limit(LETTERS_MAX)).await?;
            let told = chains.of(tx, books, name, &page).await?;
            Ok((page, told))
        });
        let (page, told) = page.await.map_err(of(place))?;
        for (origin, letters) in originals::by_origin(page) {
            let wave = Wave { letters, number: 0, last: Some(told.clone()) };
            commit(&mut members[place], &origin, wave).await.map_err(|error| (place, error))?;
        }
        if members[place].checkpoint.fates.parked >= waiting {
            let name = &members[place].committer.entity().name;
            return Err((
                place,
                Failure::bug(format!("{waiting} records of `{name}` are parked, and none is there")).into(),
            ));
        }
    }
    Ok(true)
}

/// Takes records through their component again and commits what becomes of them; returns who may wait no more.
async fn commit(member: &mut Member, origin: &str, wave: Wave) -> Result<Vec<RecordPlace>, CommitError> {
    let batch = originals::batch(member.committer.entity(), origin, &wave.letters, member.checkpoint.position.clone());
    let resolved = map(&member.mapper, batch).await?;
    let (checkpoint, woken) = member.committer.commit_wave(&member.checkpoint, &resolved, Arc::new(wave)).await?;
    member.checkpoint = checkpoint;
    member.progress.advance(&member.checkpoint, None);
    Ok(woken)
}

/// Notes which parents stand there by now, in one transaction: the next wave has all that they were the last of.
async fn mark(members: &[Member]) -> Result<bool, MemberError> {
    let Some(first) = members.first() else { return Ok(false) };
    let all = async || {
        let (books, mut has_marked) = (first.committer.books(), false);
        let mut tx = first.committer.target().begin().await?;
        for member in members {
            let mut after = 0;
            loop {
                let page = books.awaited(&mut *tx, &member.committer.entity().name, after, MARK_MAX).await?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                let standing = standing(&member.committer, &mut *tx, page).await?;
                has_marked |= !standing.is_empty();
                books.mark_come(&mut *tx, &standing, 0).await?;
            }
        }
        tx.commit().await?;
        Ok(has_marked)
    };
    retry(&first.committer.entity().name, all).await.map_err(of(0))
}

/// Returns the numbers of those keys whose parents stand in the target.
async fn standing(
    committer: &Committer,
    tx: &mut dyn Transaction,
    page: Vec<(i64, ParkedKey)>,
) -> Result<Vec<i64>, TargetError> {
    let entity = committer.entity();
    let plan = committer.plan();
    let mut standing = Vec::new();
    let mut by_reference: HashMap<String, Vec<(i64, Vec<Value>)>> = HashMap::new();
    // Those that are known by their records' keys alone: each wait with the records of which one has to stand.
    let mut by_record: Vec<(i64, Vec<(usize, Key)>)> = Vec::new();
    for (id, awaited) in page {
        let key = packed::decode(&awaited.key).unwrap_or_default();
        let stored = entity.group.iter().find(|&&member| key::of_record(committer.entity_at(member)) == awaited.of);
        match (stored, key.as_slice()) {
            _ if awaited.of == key::OF_ONE => by_record.push((id, choices::of_recorded(plan, &awaited.key))),
            (Some(&member), [Value::Text(source_key)]) => {
                by_record.push((id, vec![(member, Key::from_canonical(source_key.to_string()))]));
            }
            _ => by_reference.entry(awaited.of).or_default().push((id, key)),
        }
    }
    let wanted = by_record.iter().flat_map(|(_, records)| records).map(|(entity, key)| (*entity, key));
    let ids = choices::standing(plan, committer.books(), tx, wanted, &mut Parents::default()).await?;
    let stands = |(entity, key): &(usize, Key)| ids.contains_key(&(*entity, key.as_str().to_owned()));
    standing.extend(by_record.iter().filter(|(_, records)| records.iter().any(stands)).map(|(id, _)| *id));
    for reference in key::awaited(plan, entity) {
        let columns = &reference.parent_columns;
        let Some(waiting) = by_reference.remove(&key::of_table(&reference.parent, columns)) else { continue };
        let fits = |key: &Vec<Value>| {
            let fits = |(value, &column): (&Value, &usize)| {
                convert::refit(value.clone(), &reference.parent.columns[column]).is_ok()
            };
            key.len() == columns.len() && key.iter().zip(columns).all(fits)
        };
        let keys: Vec<Vec<Value>> = waiting.iter().map(|(_, key)| key.clone()).filter(fits).collect();
        let found = tx.find(&reference.parent, columns, &keys, &[]).await?;
        standing.extend(waiting.iter().filter(|(_, key)| found.contains_key(&value::encode(key))).map(|(id, _)| *id));
    }
    Ok(standing)
}

/// Asks whimbrel's own tables in a transaction that writes nothing.
async fn read<T>(
    member: &Member,
    mut ask: impl AsyncFnMut(&mut dyn Transaction, &Bookkeeping, &str) -> Result<T, TargetError>,
) -> Result<T, Failure> {
    let committer = &member.committer;
    let name = &committer.entity().name;
    retry(name, async || {
        let mut tx = committer.target().begin().await?;
        let answer = ask(&mut *tx, committer.books(), name).await?;
        tx.rollback().await?;
        Ok(answer)
    })
    .await
}

/// Says whose failure it is.
fn of(place: usize) -> impl Fn(Failure) -> MemberError {
    move |failure| (place, failure.into())
}

fn limit(records: usize) -> i64 {
    i64::try_from(records).unwrap_or(i64::MAX)
}
