/** What the tasks that run now are about, by their ids: devices know a task by its id only. */
import type { TaskView } from '../../../core/tasks/port.ts'
import { subject } from '../work/subject.ts'

export const subjectsOf = (tasks: readonly TaskView[]): ReadonlyMap<string, string> => new Map(tasks.map((task) => [task.id, subject(task)]))
